"""Pockets, leases and books in memory, for a portfolio that lives in one process.

A transaction keeps what it wrote to itself until its block ends; readers see what was kept last, as in PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from core.capital.differences import Trade, Trades
from core.capital.equity import BooksHolding
from core.capital.leases import facts_of
from core.capital.ledger import OUTSIDE, BooksRevision, Execution, LedgerAccount, Posting, PostingKind, fill_id
from core.capital.pockets import OPEN, Pocket, Reservation
from portfolio.src.ports import ChangedLease, SettledLease, TradesReader, Unbooked
from shared.src.domain.clock import Clock
from shared.src.domain.money import ZERO

Totals = dict[tuple[LedgerAccount, str], Decimal]


@dataclass(frozen=True, slots=True)
class _Lease:
    reservation: Reservation
    expires_s: float


@dataclass(slots=True)
class _Kept:
    """What is kept: everything here is committed."""

    pockets: dict[str, Pocket] = field(default_factory=dict)
    leases: dict[str, _Lease] = field(default_factory=dict)
    open_leases: dict[str, None] = field(default_factory=dict)
    postings: dict[str, Posting] = field(default_factory=dict)
    totals: Totals = field(default_factory=dict)
    opened_at: datetime | None = None
    fills: int = 0
    unbooked: dict[str, Unbooked] = field(default_factory=dict)


class MemoryCapital:
    """Implements ``portfolio.src.ports.CapitalStore``. One transaction at a time."""

    def __init__(self, trades: TradesReader, clock: Clock) -> None:
        self._trades = trades
        self._clock = clock
        self._kept = _Kept()
        self._lock = asyncio.Lock()

    @property
    def pockets(self) -> tuple[Pocket, ...]:
        return tuple(self._kept.pockets.values())

    @property
    def leases(self) -> tuple[Reservation, ...]:
        """Every lease there ever was, oldest first."""
        return tuple(lease.reservation for lease in self._kept.leases.values())

    @property
    def open_leases(self) -> tuple[Reservation, ...]:
        """Those that hold or bind funds, in the order in which they began."""
        return tuple(self._kept.leases[intent_id].reservation for intent_id in self._kept.open_leases)

    @property
    def postings(self) -> tuple[Posting, ...]:
        """The journal, in the order in which it was written."""
        return tuple(self._kept.postings.values())

    async def found(self, shares: Mapping[str, Decimal], at: datetime) -> None:
        for name, share in shares.items():
            self._kept.pockets.setdefault(name, Pocket(name, share))

    @asynccontextmanager
    async def change(self) -> AsyncIterator[MemoryTransaction]:
        async with self._lock:
            transaction = MemoryTransaction(self._kept, self._trades, self._clock)
            yield transaction
            await transaction.keep()

    @asynccontextmanager
    async def look(self) -> AsyncIterator[MemoryLedger]:
        yield MemoryLedger(self._kept, self._trades)

    async def set_aside(self, execution_id: str, symbol: str, reason: str, at: datetime) -> None:
        known = self._kept.unbooked.get(execution_id)
        since = at if known is None or known.released_at is not None else known.since
        self._kept.unbooked[execution_id] = Unbooked(execution_id, symbol, reason, since)

    async def release(self, execution_id: str, at: datetime) -> None:
        known = self._kept.unbooked.get(execution_id)
        if known is not None and known.released_at is None:
            self._kept.unbooked[execution_id] = replace(known, released_at=at)

    async def quarantined(self, limit: int = 1000) -> list[Unbooked]:
        newest = sorted(self._kept.unbooked.values(), key=lambda item: item.since, reverse=True)
        return sorted(newest, key=lambda item: item.released_at is not None)[:limit]


class MemoryLedger:
    """Implements ``portfolio.src.ports.Ledger``: what is kept, and what this transaction added."""

    def __init__(self, kept: _Kept, trades: TradesReader) -> None:
        self._kept = kept
        self._trades = trades
        self._added: dict[str, Posting] = {}
        self._moved: Totals = {}
        self._fills = kept.fills

    @property
    def posted(self) -> Mapping[str, Posting]:
        return ChainMap(self._added, self._kept.postings)

    async def add(self, posting: Posting) -> bool:
        if posting.posting_id in self.posted:
            return False
        self._added[posting.posting_id] = posting
        self._fills += posting.kind is PostingKind.FILL
        for line in posting.lines:
            key = (line.account, line.asset)
            self._moved[key] = self._moved.get(key, ZERO) + line.amount
        return True

    async def keep(self) -> None:
        """Make what was added part of what is kept."""
        self._kept.opened_at = await self.opened_at()
        self._kept.fills = self._fills
        self._kept.postings |= self._added
        for key, amount in self._moved.items():
            self._kept.totals[key] = self._kept.totals.get(key, ZERO) + amount

    async def opened_at(self) -> datetime | None:
        added = (posting.occurred_at for posting in self._added.values() if posting.kind is PostingKind.OPENING)
        return self._kept.opened_at or next(added, None)

    async def accepted_at(self, assets: Iterable[str]) -> datetime | None:
        moments: dict[str, datetime] = {}
        for posting in (*self._kept.postings.values(), *self._added.values()):
            if posting.kind is PostingKind.ADJUSTMENT:
                moments |= {line.asset: posting.occurred_at for line in posting.lines}
        known = [moments.get(asset) for asset in assets]
        return None if None in known else min((at for at in known if at is not None), default=None)

    async def balances(self, account: LedgerAccount = LedgerAccount.EXCHANGE) -> dict[str, Decimal]:
        assets = [asset for owner, asset in {**self._kept.totals, **self._moved} if owner is account]
        amounts = {asset: self._total(account, asset) for asset in assets}
        return {asset: amount for asset, amount in amounts.items() if amount}

    async def holdings(self) -> dict[str, BooksHolding]:
        assets = sorted({asset for _, asset in {**self._kept.totals, **self._moved}})
        return {
            asset: BooksHolding(await self.held(asset), -sum((self._total(owner, asset) for owner in OUTSIDE), ZERO))
            for asset in assets
        }

    async def held(self, asset: str) -> Decimal:
        return self._total(LedgerAccount.EXCHANGE, asset)

    def _total(self, account: LedgerAccount, asset: str) -> Decimal:
        key = (account, asset)
        return self._kept.totals.get(key, ZERO) + self._moved.get(key, ZERO)

    async def unposted(self, *, since: datetime, limit: int, without: Collection[str] = ()) -> list[Execution]:
        if self._fills == await self._trades.execution_count():
            return []  # every fill is booked: the many sweeps of a long history read nothing
        executions = await self._trades.executions(since)
        wanted = (each for each in executions if each.execution_id not in without)
        return [each for each in wanted if fill_id(each.execution_id) not in self.posted][:limit]

    async def booked(self, *, since: datetime) -> dict[str, Trades]:
        trades: dict[str, dict[int, Trade]] = {}
        for each in await self._trades.executions(since):
            if fill_id(each.execution_id) in self.posted:
                trade = Trade(each.quantity, each.quote_quantity, each.fee, each.fee_asset)
                trades.setdefault(each.symbol, {})[each.trade_id] = trade
        return dict(trades)

    async def followed_since(self) -> Mapping[str, int]:
        return await self._trades.followed_since()

    async def revision(self) -> BooksRevision:
        postings = len(self._kept.postings) + len(self._added)
        return BooksRevision(postings, await self._trades.execution_count(), await self._trades.unresolved_orders())


class MemoryTransaction:
    """Implements ``portfolio.src.ports.CapitalTransaction``."""

    def __init__(self, kept: _Kept, trades: TradesReader, clock: Clock) -> None:
        self._kept = kept
        self._trades = trades
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._pockets: dict[str, Pocket] = {}
        self.ledger = MemoryLedger(kept, trades)

    async def pockets(self) -> dict[str, Pocket]:
        return dict(self._kept.pockets)

    async def leases(self, also: Iterable[str] = ()) -> list[SettledLease]:
        wanted = dict.fromkeys((*self._kept.open_leases, *await self._trades.open_intents(), *also))
        return [await self._settled(self._kept.leases[i]) for i in wanted if i in self._kept.leases]

    async def _settled(self, stored: _Lease) -> SettledLease:
        lease = stored.reservation
        state = await self._trades.intent(lease.intent_id)
        overdue = stored.expires_s <= self._clock.monotonic()
        return SettledLease(lease, facts_of(state, asset=lease.asset, posted=self.ledger.posted, overdue=overdue))

    async def save_leases(self, changes: Sequence[ChangedLease], *, ttl_s: float) -> None:
        end_s = self._clock.monotonic() + ttl_s
        for change in changes:
            known = self._kept.leases.get(change.lease.intent_id)
            expires_s = end_s if change.begins or known is None else known.expires_s
            # what is bound follows from the facts and is not kept
            self._leases[change.lease.intent_id] = _Lease(replace(change.lease, cost=ZERO), expires_s)

    async def save_pockets(self, pockets: Sequence[Pocket], at: datetime) -> None:
        self._pockets |= {pocket.name: pocket for pocket in pockets}

    async def keep(self) -> None:
        """Make what was written here what everybody sees."""
        await self.ledger.keep()
        self._kept.leases |= self._leases
        for intent_id, lease in self._leases.items():
            if lease.reservation.status in OPEN:
                self._kept.open_leases[intent_id] = None
            else:
                self._kept.open_leases.pop(intent_id, None)
        self._kept.pockets |= self._pockets
