"""What the portfolio needs of the world: its store, the account at the exchange, prices, and what the trader wrote."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from core.capital.differences import Trades
from core.capital.equity import BooksHolding, BooksPoint, Valued
from core.capital.flows import Histories
from core.capital.leases import Facts, IntentState
from core.capital.ledger import BooksRevision, Execution, LedgerAccount, Posting
from core.capital.pockets import Pocket, Reservation
from core.statistics.conversion import CycleValue, UnvaluedCycle
from core.statistics.results import CycleResult
from shared.src.exchange.models import Balance

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Ledger(Protocol):
    """The books as one transaction sees them."""

    async def add(self, posting: Posting) -> bool:
        """Write a posting; False when its id was there. A posting is written once, however often it is offered."""
        ...

    async def opened_at(self) -> datetime | None:
        """Market time at which the books were opened; once they are, that never changes."""
        ...

    async def accepted_at(self, assets: Iterable[str]) -> datetime | None:
        """Since when differences in all of these assets are written off; None where one of them never was."""
        ...

    async def balances(self, account: LedgerAccount = LedgerAccount.EXCHANGE) -> dict[str, Decimal]:
        """What an account holds, asset by asset, without those at zero."""
        ...

    async def holdings(self) -> dict[str, BooksHolding]:
        """What the account ``exchange`` has of each asset, and what of it came from outside: one moment for all."""
        ...

    async def held(self, asset: str) -> Decimal:
        """What the account ``exchange`` has of one asset."""
        ...

    async def unposted(self, *, since: datetime, limit: int, without: Collection[str] = ()) -> list[Execution]:
        """Executions the books do not have yet, oldest first; ``without``: ids of those that are not asked for."""
        ...

    async def booked(self, *, since: datetime) -> dict[str, Trades]:
        """By symbol and trade id, the executions since then that the books have."""
        ...

    async def followed_since(self) -> Mapping[str, int]:
        """By symbol, the newest trade that was made before the trader followed it; it books those above."""
        ...

    async def revision(self) -> BooksRevision:
        """Changes whenever a posting or an execution is added: to see that nothing moved between two looks."""
        ...


@dataclass(frozen=True, slots=True)
class SettledLease:
    """A lease as stored, and the facts it is settled by."""

    lease: Reservation
    facts: Facts


@dataclass(frozen=True, slots=True)
class ChangedLease:
    """A lease to be written. One that ``begins`` gets a new end, others keep theirs."""

    lease: Reservation
    begins: bool


class CapitalTransaction(Protocol):
    """Pockets, leases and books, locked: whoever has them decides alone. All of it is kept, or nothing."""

    @property
    def ledger(self) -> Ledger: ...

    async def pockets(self) -> dict[str, Pocket]:
        """The pockets as they were written last, by name."""
        ...

    async def leases(self, also: Iterable[str] = ()) -> list[SettledLease]:
        """Leases that are open, or whose cycle is, and those of the intents ``also``. Facts are of this moment."""
        ...

    async def save_leases(self, changes: Sequence[ChangedLease], *, ttl_s: float) -> None:
        """Write leases; those that begin are overdue after ``ttl_s`` wall seconds."""
        ...

    async def save_pockets(self, pockets: Sequence[Pocket], at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Unbooked:
    """An execution that cannot be booked, since when, and until when; None: it is set aside now."""

    execution_id: str
    symbol: str
    reason: str
    since: datetime
    released_at: datetime | None = None


class CapitalStore(Protocol):
    """Everything raises TransientError when the store is away."""

    async def found(self, shares: Mapping[str, Decimal], at: datetime) -> None:
        """Make the pockets of a new installation; shares that were changed since stay as they are."""
        ...

    def change(self) -> AbstractAsyncContextManager[CapitalTransaction]:
        """One transaction; kept when the block ends, forgotten when it raises. In any number of processes, one has it.

        Raises:
            InvariantError: a posting or an amount breaks a rule of the books.
        """
        ...

    def look(self) -> AbstractAsyncContextManager[Ledger]:
        """Read the books as they were kept last, without a lock."""
        ...

    async def set_aside(self, execution_id: str, symbol: str, reason: str, at: datetime) -> None:
        """Write down that an execution cannot be booked; one that is set aside already gets the new reason."""
        ...

    async def release(self, execution_id: str, at: datetime) -> None:
        """It is booked now, or gone; that it was set aside stays written down."""
        ...

    async def quarantined(self, limit: int = 1000) -> list[Unbooked]:
        """What is set aside, the newest first, and after it what was."""
        ...


class TradesReader(Protocol):
    """What the trader wrote down, as far as capital is concerned; only read.

    In PostgreSQL the adapters read the trader's tables inside their own statements. The stores in memory read it here:
    in one process, it stands on the trader's own store.
    """

    async def executions(self, since: datetime) -> Sequence[Execution]:
        """Executions at or after ``since``, oldest first, then by trade id."""
        ...

    async def execution_count(self) -> int:
        """How many executions there are."""
        ...

    async def intent(self, intent_id: str) -> IntentState: ...

    async def open_intents(self) -> Sequence[str]:
        """Intents whose cycle has not ended."""
        ...

    async def followed_since(self) -> Mapping[str, int]:
        """By symbol, the newest trade that was made before the trader followed it (-1: none)."""
        ...

    async def unresolved_orders(self) -> int:
        """Orders that may have reached the exchange, may not (UNRESOLVED)."""
        ...

    async def completed(self, since: datetime) -> Sequence[CycleResult]:
        """Cycles completed at or after ``since``, in the order in which they were."""
        ...


class ExchangeAccount(Protocol):
    """The account as whoever matches our orders sees it."""

    async def balances(self) -> dict[str, Balance]:
        """Assets that are held.

        Raises:
            TransientError: it does not answer.
            RejectedError: it refuses (keys, permissions).
        """
        ...

    async def trades(self, symbol: str, since: datetime) -> Trades | None:
        """Our latest trades in a symbol, not older than ``since``, by id; None where nobody keeps such a list."""
        ...

    async def flows(self, since: datetime) -> Histories:
        """What came and went without a trade since then, as far as the exchange's histories can be read."""
        ...

    async def close(self) -> None: ...


class AssetPrices(Protocol):
    """Last prices; no more than the platform has seen."""

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        """Prices of every symbol that may help to value the assets, as far as they are known.

        Raises:
            TransientError: they cannot be read now.
        """
        ...


class DatedPrices(AssetPrices, Protocol):
    """Last prices, and those of earlier moments."""

    async def at(self, assets: Iterable[str], moment: datetime) -> dict[str, Decimal]:
        """Prices as they were then; those of now where nobody has kept them.

        Raises:
            TransientError: they cannot be read now.
        """
        ...


@dataclass(frozen=True, slots=True)
class ValuedBalance:
    """A balance at the exchange, and what it is worth in the asset of valuation and in EUR; None: nobody knows."""

    balance: Balance
    value: Decimal | None
    value_eur: Decimal | None = None


class AccountRecords(Protocol):
    """What the exchange last said, and the account's value over time."""

    async def write(self, held: Sequence[ValuedBalance], at: datetime) -> None:
        """Write the balances of now (assets that are not listed are no longer held) and add a snapshot of them."""
        ...

    async def last_point(self, asset: str) -> tuple[Valued, BooksPoint] | None:
        """The last point of the books' value, with what it was made of; None before the first in ``asset``."""
        ...

    async def write_point(
        self, point: BooksPoint, valued: Valued, at: datetime, asset: str, equity_eur: Decimal | None
    ) -> None:
        """Add a point valued in ``asset``; a moment has one."""
        ...


@dataclass(frozen=True, slots=True)
class CompletedCycles:
    """What a look at the completed cycles saw: when the first and the last ended, how many, and the last change."""

    first: datetime
    last: datetime
    count: int
    changed: datetime


class CycleValues(Protocol):
    """What completed cycles came to in the asset of valuation."""

    async def valued_in(self, asset: str) -> None:
        """From now on, sums are in this asset."""
        ...

    async def unvalued(self, asset: str, *, since: datetime, limit: int) -> list[UnvaluedCycle]:
        """Cycles completed since then that have no value in ``asset``, and older ones with one that is not known."""
        ...

    async def write(self, values: Sequence[CycleValue], at: datetime) -> None: ...


class PerformanceRows(Protocol):
    """Results of periods, kept so that reading them costs nothing."""

    async def completed_since(self, since: datetime) -> CompletedCycles | None:
        """The cycles completed at or after ``since``; None without any."""
        ...

    async def recompute(self, since: datetime, at: datetime) -> None:
        """Compute the days, weeks and months that hold ``since`` or come after it again; again changes nothing."""
        ...
