"""Orders as the exchange keeps them, and the requests they come from.

What is made for every order (EngineFill, Placement, Cancellation) is a value although it is not frozen; see events.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from shared.src.domain.orders import OrderType, Side
from simulator.engine.numbers import ZERO

STOP_TYPES = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
STOP_LOSS_TYPES = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})
# Types that trade at any price once they work.
MARKET_TYPES = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class BinanceOrderStatus(StrEnum):
    """Every state an order can have on the exchange."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    REJECTED = "REJECTED"


OPEN_STATUSES = frozenset({BinanceOrderStatus.PENDING_NEW, BinanceOrderStatus.NEW, BinanceOrderStatus.PARTIALLY_FILLED})


class StpMode(StrEnum):
    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"


class ExpiryReason(StrEnum):
    NONE = "NONE"
    REJECTED = "REJECTED"
    EXCHANGE_CANCELED = "EXCHANGE_CANCELED"
    OCO_TRIGGER = "OCO_TRIGGER"
    OTO_PHASE_ONE_EXPIRED = "OTO_PHASE_ONE_EXPIRED"
    UNFILLED_IOC_QUANTITY_EXPIRED = "UNFILLED_IOC_QUANTITY_EXPIRED"
    UNFILLED_FOK_ORDER_EXPIRED = "UNFILLED_FOK_ORDER_EXPIRED"
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    EXECUTION_RULE_PRICE_RANGE_EXCEEDED = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"


class CancelRestriction(StrEnum):
    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class ListKind(StrEnum):
    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"
    OPO = "OPO"
    OPOCO = "OPOCO"

    @property
    def contingency(self) -> str:
        """The contingencyType on the wire: everything that starts with a working order is an OTO."""
        return "OCO" if self is ListKind.OCO else "OTO"


@dataclass(frozen=True, slots=True)
class Ref:
    """How a caller names an order or a list: by its id, by the client's, or by both, which then belong together."""

    id: int | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order as asked for; shape rules (which field goes with which type) are checked where it arrives."""

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    quote_quantity: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    iceberg: Decimal | None = None
    client_order_id: str | None = None
    strategy_id: int | None = None
    strategy_type: int | None = None
    stp: StpMode | None = None
    peg_price_type: str | None = None
    peg_offset_type: str | None = None
    peg_offset_value: int | None = None
    use_sor: bool = False

    @property
    def is_plain(self) -> bool:
        """True if it asks for nothing that a symbol may not offer."""
        return (
            self.iceberg is None
            and self.quote_quantity is None
            and self.trailing_delta is None
            and self.stp is None
            and self.peg_price_type is None
        )


@dataclass(frozen=True, slots=True)
class ListRequest:
    """An order list.

    ``legs``: OCO (above, below); OTO and OPO (working, pending); OTOCO and OPOCO (working, above, below).
    The pending legs of OPO and OPOCO carry no quantity.
    """

    kind: ListKind
    symbol: str
    legs: tuple[OrderRequest, ...]
    client_order_id: str | None = None


@dataclass(slots=True)
class EngineFill:
    """One execution of an order: a row of ``fills`` and of myTrades."""

    symbol: str
    trade_id: int
    order_id: int
    order_list_id: int
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


@dataclass(eq=False)
class EngineOrder:
    """An order and all that happened to it. Times are milliseconds; -1 means "not yet"."""

    order_id: int
    account: str
    symbol: str
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    stp: StpMode
    time: int
    status: BinanceOrderStatus = BinanceOrderStatus.NEW
    quote_quantity: Decimal = ZERO
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    iceberg: Decimal | None = None
    strategy_id: int | None = None
    strategy_type: int | None = None
    peg_price_type: str | None = None
    peg_offset_type: str | None = None
    peg_offset_value: int | None = None
    pegged_price: Decimal | None = None
    order_list_id: int = -1
    executed: Decimal = ZERO
    cumulative_quote: Decimal = ZERO
    update_time: int = -1
    working_time: int = -1
    is_working: bool = False
    trailing_time: int = -1
    trailing_extreme: Decimal | None = None
    expiry_reason: ExpiryReason = ExpiryReason.NONE
    prevented_match_id: int | None = None
    prevented: Decimal = ZERO
    used_sor: bool = False
    working_floor: str | None = None
    amends: int = 0
    # The part of its commissions that was charged in the base asset: an OPO's pending orders sell what is left.
    base_fee: Decimal = ZERO
    # What of the account's balance this order holds: quote for a BUY, base for a SELL.
    locked: Decimal = ZERO
    # What of the remaining quantity stands visibly on the book (icebergs show a part).
    display: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed - self.prevented

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def limit(self) -> Decimal | None:
        """The worst price this order accepts, None if any."""
        if self.type in MARKET_TYPES:
            return None
        return self.pegged_price if self.pegged_price is not None else self.price

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY

    def copy(self) -> EngineOrder:
        """The order as it stands now, for an event that outlives the next change."""
        twin = EngineOrder.__new__(EngineOrder)
        twin.__dict__.update(self.__dict__)
        return twin


@dataclass(eq=False)
class OrderList:
    """Orders that hang together. ``orders``: the working order first; of a pair the stop, then its target."""

    list_id: int
    account: str
    symbol: str
    kind: ListKind
    client_order_id: str
    time: int
    order_ids: tuple[int, ...]
    client_order_ids: tuple[str, ...]
    status_type: str = "EXEC_STARTED"
    order_status: str = "EXECUTING"
    # Held for the pair of an OCO (the larger need of its legs) or for pending legs, until one order takes over.
    locked: Decimal = ZERO
    locked_asset: str = ""

    @property
    def is_open(self) -> bool:
        return self.order_status == "EXECUTING"

    def copy(self) -> OrderList:
        twin = OrderList.__new__(OrderList)
        twin.__dict__.update(self.__dict__)
        return twin


@dataclass(frozen=True, slots=True)
class PreventedMatch:
    """A match that self-trade prevention stopped: a row of myPreventedMatches."""

    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_order_id: int
    trade_group_id: int
    stp: StpMode
    price: Decimal
    maker_quantity: Decimal
    taker_quantity: Decimal
    time: int


@dataclass(slots=True)
class Placement:
    """The outcome of placing an order: the order as it stands, the fills it took at once, the matches prevented."""

    order: EngineOrder
    fills: tuple[EngineFill, ...] = ()
    prevented: tuple[PreventedMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class ListPlacement:
    order_list: OrderList
    placements: tuple[Placement, ...]


@dataclass(slots=True)
class Cancellation:
    """A cancelled order; ``client_order_id`` is the id of the cancel."""

    order: EngineOrder
    client_order_id: str
    time: int


@dataclass(frozen=True, slots=True)
class ListCancellation:
    order_list: OrderList
    cancellations: tuple[Cancellation, ...]
    time: int


@dataclass(slots=True)
class Amendment:
    """A row of order/amendments."""

    symbol: str
    order_id: int
    execution_id: int
    original_client_order_id: str
    new_client_order_id: str
    original_quantity: Decimal
    new_quantity: Decimal
    time: int


@dataclass(frozen=True, slots=True)
class AmendResult:
    order: EngineOrder
    amendment: Amendment
    order_list: OrderList | None = None


@dataclass(frozen=True, slots=True)
class ReplaceOutcome:
    """cancelReplace: each half succeeded (a value), failed (an ApiError) or was not attempted (None)."""

    cancelled: Cancellation | ListCancellation | None
    cancel_error: Exception | None
    placed: Placement | None
    new_error: Exception | None = field(default=None)
