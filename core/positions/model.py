"""What the trader keeps: orders, fills and cycles. Values; every change makes a new one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.execution.arrival import Arrival
from core.execution.plan import EntryPlan
from shared.src.domain.money import ONE, ZERO
from shared.src.domain.orders import ENDED, TERMINAL, UNRESOLVED, CycleStatus, ManagedBy, OrderStatus, OrderType, Side

MANUAL = "MANUAL"
EXTERNAL = "external"
IMMEDIATE_OR_CANCEL = "IOC"
IMMEDIATE = frozenset({IMMEDIATE_OR_CANCEL, "FOK"})


class Purpose(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    MANUAL = "manual"
    EXTERNAL = "external"


PROTECTION = frozenset({Purpose.STOP_LOSS, Purpose.TAKE_PROFIT})


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Its row is committed before anything is sent; prices in quote, quantities in base units.

    ``type``: as it is sent; ``asked``: as it was asked for, where that is another. ``cancel_asked``: we asked the
    exchange to cancel it, or another one was asked for in its place. ``arrival``: the market when it was decided, None
    where it waits for a price or is not ours.
    """

    client_order_id: str
    intent_id: str
    cycle_id: str | None
    attempt: int
    purpose: Purpose
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    created_at: datetime
    status: OrderStatus = OrderStatus.INTENT
    time_in_force: str | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    executed_quantity: Decimal = ZERO
    executed_quote: Decimal = ZERO
    order_list_id: int | None = None
    exchange_order_id: int | None = None
    reject_code: int | None = None
    reason: str = ""
    correlation_id: str = ""
    cancel_asked: bool = False
    arrival: Arrival | None = None
    asked: OrderType | None = None

    @property
    def asked_type(self) -> OrderType:
        return self.asked or self.type

    @property
    def is_open(self) -> bool:
        """Known to stand on the exchange."""
        return self.status not in TERMINAL and self.status not in UNRESOLVED and not self.is_pending

    @property
    def is_pending(self) -> bool:
        """Known to the exchange, which places it once another order is filled."""
        return self.status is OrderStatus.PENDING_NEW

    @property
    def is_unresolved(self) -> bool:
        return self.status in UNRESOLVED

    @property
    def is_done(self) -> bool:
        return self.status in TERMINAL

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed_quantity

    @property
    def is_immediate(self) -> bool:
        """Takes what the book offers when it arrives, and never rests there."""
        return self.type is OrderType.MARKET or self.time_in_force in IMMEDIATE

    @property
    def is_protection(self) -> bool:
        return self.purpose in PROTECTION


@dataclass(frozen=True, slots=True)
class Fill:
    """One booked fill. ``fee_quote`` is the fee in quote units at the price of the fill."""

    symbol: str
    trade_id: int
    client_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal
    is_maker: bool
    at: datetime

    @property
    def execution_id(self) -> str:
        return f"ex-{self.symbol}-{self.trade_id}"


@dataclass(frozen=True, slots=True)
class HandSale:
    """What one position has of an order by which the operator sold: base units, those after the first ``skipped``.

    ``rate``: units of the position's quote asset for one of the order's, when it was sold.
    """

    client_order_id: str
    skipped: Decimal
    quantity: Decimal
    rate: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Cycle:
    """One position from its entry to flat. ``exit_reason`` set while it is open means: get out.

    ``reserved``: quote units set aside for its entry, which was decided at ``reference_price`` for the consensus
    ``consensus_id`` and is paid from ``pocket``. ``resting``: the entry may wait in the book. ``levels_at``: the entry
    price at which the exit levels were settled, None before. ``sell_at_most``: base units that the exchange has, when
    it has less than the fills say. ``exit_intent_id``: the decision that asked for the way out, ``managed_by``: who may
    ask for it. ``dust_cost_max``: quote units that the smallest order was worth when the position was decided; a rest
    that cost more is not dust. ``decided_at``: when the bar closed that it was decided on. ``entry_canceled``: its
    entry was taken back, and is not sent again. ``hand_sales``: its parts of what the operator sold.
    ``entry_benchmark``, ``exit_benchmark``: prices that the executions are measured against, and
    ``entry_slippage_bips``, ``exit_slippage_bips``: what was lost on them (``core.execution``).
    ``expires_at``: when what still rests of its entry is canceled, None: never.
    ``plan``: how the entry is bought in several orders, None: in one at once. ``entering``: more of them may follow.
    """

    id: str
    intent_id: str
    symbol: str
    strategy: str
    status: CycleStatus
    created_at: datetime
    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    trailing_delta: int | None = None
    entry_order_id: str | None = None
    exit_order_id: str | None = None
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None
    quantity: Decimal = ZERO
    exit_quantity: Decimal = ZERO
    dust: Decimal = ZERO
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    fees: Decimal = ZERO
    profit_loss: Decimal | None = None
    profit_loss_percent: Decimal | None = None
    exit_reason: str = ""
    exit_intent_id: str = ""
    protected_at: datetime | None = None
    unprotected_s: float = 0.0
    opened_at: datetime | None = None
    completed_at: datetime | None = None
    correlation_id: str = ""
    consensus_id: str = ""
    pocket: str = ""
    reference_price: Decimal | None = None
    reserved: Decimal = ZERO
    resting: bool = False
    levels_at: Decimal | None = None
    sell_at_most: Decimal | None = None
    dust_cost_max: Decimal | None = None
    managed_by: ManagedBy = ManagedBy.STRATEGIES
    decided_at: datetime | None = None
    entry_canceled: bool = False
    hand_sales: tuple[HandSale, ...] = ()
    entry_benchmark: Decimal | None = None
    exit_benchmark: Decimal | None = None
    entry_slippage_bips: Decimal | None = None
    exit_slippage_bips: Decimal | None = None
    expires_at: datetime | None = None
    plan: EntryPlan | None = None
    entering: bool = False

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    def has_expired(self, now: datetime) -> bool:
        """Whether its entry is too old to rest any longer."""
        return self.expires_at is not None and now >= self.expires_at

    @property
    def is_owners(self) -> bool:
        """Opened by hand and not handed to the strategies: their signals and their clock do not close it."""
        return self.managed_by is ManagedBy.OWNER


@dataclass(frozen=True, slots=True)
class CycleState:
    """Everything known of one cycle: what decisions are made on."""

    cycle: Cycle
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]

    def of(self, side: Side) -> tuple[Order, ...]:
        return tuple(order for order in self.orders if order.side is side)

    def booked(self, order: Order) -> Decimal:
        """Base units of ``order`` whose fills are booked."""
        mine = (fill.quantity for fill in self.fills if fill.client_order_id == order.client_order_id)
        return sum(mine, ZERO)
