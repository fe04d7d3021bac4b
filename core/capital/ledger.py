"""Double entry, pure: every posting adds up to zero in every asset, so nothing appears or vanishes.

Accounts: ``exchange`` mirrors what the exchange holds for us, asset by asset; ``trading`` is the other side of
swaps; ``fees`` is what the exchange kept; ``capital`` is what the owner brought or took; ``convert``, ``dust``,
``earn`` and ``rewards`` are the other sides of what the owner did with the account outside of its order books;
``difference`` is what nobody could explain and an administrator wrote off. All but the first three are outside: what
comes from there is no result of trading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from shared.src.domain.errors import InvariantError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import Side
from shared.src.domain.symbols import split_symbol
from shared.src.exchange.models import Balance

AMOUNT_LIMIT = Decimal(10) ** 18  # what is smaller has room in the database


class LedgerAccount(StrEnum):
    EXCHANGE = "exchange"
    TRADING = "trading"
    FEES = "fees"
    CAPITAL = "capital"
    CONVERT = "convert"
    DUST = "dust"
    EARN = "earn"
    REWARDS = "rewards"
    DIFFERENCE = "difference"


class PostingKind(StrEnum):
    OPENING = "opening"
    FILL = "fill"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    CONVERT = "convert"  # one asset for another, not in an order book that is followed
    DUST = "dust"  # small amounts turned into BNB
    EARN = "earn"  # to Simple Earn, or back
    REWARD = "reward"  # interest and airdrops
    ADJUSTMENT = "adjustment"


# What moves with the owner or the exchange instead of with a trade, and the account at its other side
FLOW_ACCOUNTS = {
    PostingKind.DEPOSIT: LedgerAccount.CAPITAL,
    PostingKind.WITHDRAWAL: LedgerAccount.CAPITAL,
    PostingKind.CONVERT: LedgerAccount.CONVERT,
    PostingKind.DUST: LedgerAccount.DUST,
    PostingKind.EARN: LedgerAccount.EARN,
    PostingKind.REWARD: LedgerAccount.REWARDS,
    PostingKind.ADJUSTMENT: LedgerAccount.DIFFERENCE,
}


# What is at the other side of flows, the opening among them
OUTSIDE = frozenset(FLOW_ACCOUNTS.values())


@dataclass(frozen=True, slots=True)
class Line:
    """``amount`` of ``asset`` into (+) or out of (-) an account."""

    account: LedgerAccount
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Posting:
    """One event in the books.

    Raises:
        InvariantError: the lines do not add up to zero in some asset, or an amount is too large.
    """

    posting_id: str
    kind: PostingKind
    occurred_at: datetime
    lines: tuple[Line, ...]
    reference: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        for asset, total in totals(self.lines).items():
            if total != 0:
                raise InvariantError(f"posting {self.posting_id} does not balance: {total} {asset}")
        for line in self.lines:
            if abs(line.amount) >= AMOUNT_LIMIT:
                raise InvariantError(f"posting {self.posting_id}: {line.amount} {line.asset} is more than books hold")


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as the trader wrote it down. Quantities in base units, ``quote_quantity`` in quote units."""

    execution_id: str
    order_id: str
    symbol: str
    trade_id: int
    side: Side
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    occurred_at: datetime


Balances = Mapping[str, Balance]


@dataclass(frozen=True, slots=True)
class BooksRevision:
    """How far the books and the trader are; ``moving`` orders may be filled without anybody knowing yet."""

    postings: int
    executions: int
    moving: int

    @property
    def key(self) -> tuple[int, ...]:
        return self.postings, self.executions, self.moving


def can_open(looks: tuple[Balances, Balances], *, before: BooksRevision, now: BooksRevision) -> bool:
    """Whether the books may be opened on what two looks at the account showed: nothing moved around them."""
    first, second = looks
    return first == second and before == now and not before.moving


def totals(lines: Iterable[Line]) -> dict[str, Decimal]:
    """Sum of the amounts of each asset."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.asset] = sums.get(line.asset, ZERO) + line.amount
    return sums


def transfer(source: LedgerAccount, target: LedgerAccount, asset: str, amount: Decimal) -> tuple[Line, ...]:
    """``amount`` from one account to another; nothing when it is zero."""
    if amount == 0:
        return ()
    return Line(source, asset, -amount), Line(target, asset, amount)


def fill_id(execution_id: str) -> str:
    return f"fill:{execution_id}"


def fill_posting(execution: Execution, *, quote_asset: str, before_opening: bool = False) -> Posting:
    """The lines of an execution: base and quote change places with the market, the fee stays at the exchange.

    A fill from before the books were opened is already in the opening balance: its exchange side falls to capital.

    Raises:
        ContractError: no known quote asset (``quote_asset`` is tried first) ends the symbol.
    """
    base, quote = split_symbol(execution.symbol, quote_first=quote_asset)
    ours = LedgerAccount.CAPITAL if before_opening else LedgerAccount.EXCHANGE
    sign = 1 if execution.side is Side.BUY else -1
    return Posting(
        posting_id=fill_id(execution.execution_id),
        kind=PostingKind.FILL,
        reference=execution.order_id,
        description=f"{execution.side} {base}/{quote}",
        occurred_at=execution.occurred_at,
        lines=transfer(LedgerAccount.TRADING, ours, base, sign * execution.quantity)
        + transfer(ours, LedgerAccount.TRADING, quote, sign * execution.quote_quantity)
        + transfer(ours, LedgerAccount.FEES, execution.fee_asset, execution.fee),
    )


def opening_posting(amounts: Mapping[str, Decimal], occurred_at: datetime) -> Posting:
    """The first balances: what the owner had when the books were opened."""
    lines = tuple(
        line
        for asset, amount in sorted(amounts.items())
        for line in transfer(LedgerAccount.CAPITAL, LedgerAccount.EXCHANGE, asset, amount)
    )
    return Posting(
        posting_id="opening",
        kind=PostingKind.OPENING,
        description="balances when the books were opened",
        occurred_at=occurred_at,
        lines=lines,
    )


@dataclass(frozen=True, slots=True)
class Flow:
    """Units of each asset that came (+) or went (-) together, outside of any trade."""

    kind: PostingKind
    moves: Mapping[str, Decimal]


def flow_posting(posting_id: str, flow: Flow, occurred_at: datetime, description: str) -> Posting:
    """A flow in the books: every asset against the account of its kind (``FLOW_ACCOUNTS``)."""
    other = FLOW_ACCOUNTS[flow.kind]
    return Posting(
        posting_id=posting_id,
        kind=flow.kind,
        description=description,
        occurred_at=occurred_at,
        lines=tuple(
            line
            for asset, amount in sorted(flow.moves.items())
            for line in transfer(other, LedgerAccount.EXCHANGE, asset, amount)
        ),
    )


def differences(books: Mapping[str, Decimal], exchange: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Exchange minus books, for the assets where they are not equal to the last digit."""
    assets = set(books) | set(exchange)
    gaps = {asset: exchange.get(asset, ZERO) - books.get(asset, ZERO) for asset in sorted(assets)}
    return {asset: gap for asset, gap in gaps.items() if gap != 0}
