"""What the auditor is told, in plain values: nothing of the platform's own types reaches it.

Quantities in base units, amounts in quote units, times in simulated seconds since the story began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow at a moment; ``exposure_percent`` of the capital in one asset."""

    position_size: Decimal
    positions: int
    exposure_percent: Decimal
    daily_loss: Decimal


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol as the exchange lists it now. ``bid`` None: nobody buys. ``stops_max``: how many stops may stand.

    ``average``: what the exchange measures orders at market by, which have no price of their own.
    """

    symbol: str
    base: str
    quote: str
    status: str
    step: Decimal
    quantity_min: Decimal
    notional_min: Decimal
    stops_max: int | None
    bid: Decimal | None
    last: Decimal
    average: Decimal

    def sells(self, quantity: Decimal) -> bool:
        """Whether the exchange takes a sale of so much, by its size, at what somebody pays now."""
        floored = self.in_lots(quantity)
        price = min(self.last, self.average, self.last if self.bid is None else self.bid)
        return floored > 0 and floored >= self.quantity_min and floored * price >= self.notional_min

    def in_lots(self, quantity: Decimal) -> Decimal:
        """As much of it as an order may be of."""
        return quantity if not self.step else quantity - quantity % self.step


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order as the exchange has it. ``waits``: it is a stop whose trigger, at ``trigger`` now, was not met yet."""

    order_id: int
    client_id: str
    symbol: str
    side: str
    kind: str
    quantity: Decimal
    executed: Decimal
    price: Decimal
    trigger: Decimal
    placed_s: float
    is_open: bool
    is_canceled: bool
    waits: bool
    by_hand: bool
    canceled_by_hand: bool

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def is_stop(self) -> bool:
        return self.kind in {"STOP_LOSS", "STOP_LOSS_LIMIT"} and self.side == "SELL"


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade of the account as the exchange has it."""

    symbol: str
    trade_id: int
    order_id: int
    side: str
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Intent:
    """An approved entry: base units that may be bought (0: what the funds buy), quote units set aside for it.

    ``stop``: the price at which the position is left, as it was decided.
    """

    intent_id: str
    symbol: str
    quantity: Decimal
    reserved: Decimal
    stop: Decimal | None


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """An order as the books have it: which intent and which position it is of."""

    client_id: str
    intent_id: str
    cycle_id: str | None
    purpose: str
    side: str


@dataclass(frozen=True, slots=True)
class BookedCycle:
    """A position as the books have it. ``sold``: base units that it says were sold, by whom ever."""

    cycle_id: str
    intent_id: str
    symbol: str
    strategy: str
    status: str
    is_open: bool
    is_completed: bool
    sold: Decimal
    profit_loss: Decimal | None
    exit_reason: str


@dataclass(frozen=True, slots=True)
class BookedTrade:
    symbol: str
    trade_id: int
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """The exchange's side at a moment. ``orders``: all there ever were; ``flows``: what the owner moved, by asset."""

    now_s: float
    listings: Mapping[str, Listing]
    orders: Sequence[ExchangeOrder]
    trades: Sequence[Trade]
    held: Mapping[str, Decimal]
    opening: Mapping[str, Decimal]
    flows: Mapping[str, Decimal]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Books:
    """The platform's side at a moment.

    ``pauses``: by scope, since when. ``ledger``: what the books say the exchange holds, by asset; None before they are
    open. ``unbalanced``: by asset, what all lines of the journal add up to where that is not zero. ``leased``: intents
    whose funds are set aside still. ``ended``: processes that ended by themselves, with the error.
    ``halted``: why the platform gives no funds; empty when it does. ``acting``: how many traders that live have changed
    something on the exchange.
    """

    orders: Mapping[str, BookedOrder]
    cycles: Sequence[BookedCycle]
    intents: Mapping[str, Intent]
    trades: Sequence[BookedTrade]
    pauses: Mapping[str, float]
    ledger: Mapping[str, Decimal] | None
    posted: Sequence[str]
    unbalanced: Mapping[str, Decimal]
    leased: Sequence[str]
    unresolved: Sequence[str]
    ended: Sequence[str]
    dead_letters: Sequence[str]
    halted: str
    acting: int = 0


@dataclass(frozen=True, slots=True)
class Weather:
    """What made the platform's work impossible, and when it did so last (None: never), simulated seconds.

    ``deaf_s``: it was told nothing, late or wrongly of what happened to its orders. ``down_s``: the trader was dead.
    ``lost_s``: a call or its answer was lost. ``banned_s``: the exchange answered no call, and said so;
    ``banned_since_s``: when the last of these bans began.
    ``blind_since_s``: since when the trader is told nothing and can read nothing; None when it is or can.
    """

    deaf_s: float | None
    down_s: float | None
    lost_s: float | None
    banned_s: float | None
    banned_since_s: float | None
    blind_since_s: float | None

    @property
    def accidents(self) -> list[float]:
        """What nobody can know before it happens."""
        return [each for each in (self.deaf_s, self.down_s, self.lost_s) if each is not None]
