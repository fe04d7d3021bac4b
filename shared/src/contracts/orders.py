"""The order path on the wire: what was decided, what the exchange did."""

from __future__ import annotations

from pydantic import Field

from shared.src.contracts.base import Message, NonNegative, Positive, Symbol, UnitScore
from shared.src.domain.orders import IntentKind, LiquidityRole, ManagedBy, OrderType, Side


class OrderIntent(Message):
    """An approved decision. ``message_id`` is the intent id; the same decision always has the same one.

    An entry buys ``quantity`` (base units) with ``reserved`` quote units set aside for it. An exit sells the
    positions of ``symbol`` that are open, never more.
    """

    symbol: Symbol
    kind: IntentKind
    side: Side
    type: OrderType = OrderType.MARKET
    quantity: Positive | None = None
    price: Positive | None = Field(default=None, description="limit price, for LIMIT orders")
    reference_price: Positive = Field(description="price the decision was made at")
    reserved: NonNegative
    pocket: str = "active"
    managed_by: ManagedBy = ManagedBy.STRATEGIES
    stop_loss: Positive | None = None
    take_profit: Positive | None = None
    trailing_delta_bips: int | None = Field(default=None, ge=1, le=10_000)
    strategy: str
    strength: UnitScore = 0.0
    consensus_id: str = ""
    decided_on: int = Field(ge=0, description="close time of the bar decided on, ms UTC")
    reason: str = ""


class ExecutionEvent(Message):
    """One fill, by the exchange's trade id, or the end of an intent. ``message_id`` is unique for each fill."""

    execution_id: str
    order_id: str
    client_order_id: str
    trade_id: int
    intent_id: str
    cycle_id: str
    symbol: Symbol
    side: Side
    price: Positive
    quantity: Positive
    quote_quantity: NonNegative  # what the exchange moved; 0 where it rounded all of it away
    fee: NonNegative
    fee_asset: str  # empty where no fee was taken
    role: LiquidityRole
    purpose: str = Field(description="entry, exit, stop_loss, take_profit, external")
    strategy: str = ""
    demo: bool


class OrderFailed(Message):
    """An intent that will not be executed: its funds are to be released."""

    intent_id: str
    symbol: Symbol
    side: Side
    reason: str
    code: int | None = None


class DecisionMade(Message):
    """What the coordinator decided, for screens; the row in ``decisions`` is the record."""

    intent_id: str
    consensus_id: str
    symbol: Symbol
    side: Side
    kind: IntentKind
    approved: bool
    reason: str
