"""What happened, in order: the source of every stream and of paper trading's user data.

Events are values: nobody changes one. They are not frozen because creating a frozen dataclass of this size takes eight
times as long, and the engine makes several for every order.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simulator.engine.numbers import ZERO
from simulator.engine.orders import EngineOrder, OrderList

PriceLevel = tuple[Decimal, Decimal]


@dataclass(slots=True)
class OrderEvent:
    """An executionReport. ``order`` is a copy as the order stood right after this event.

    ``execution_type``: NEW CANCELED REPLACED REJECTED TRADE EXPIRED TRADE_PREVENTION.
    ``client_order_id`` is field c (the cancel's own id on CANCELED); ``original_client_order_id`` is C.
    """

    account: str
    time: int
    execution_type: str
    order: EngineOrder
    client_order_id: str
    execution_id: int
    original_client_order_id: str = ""
    reject_reason: str = "NONE"
    last_quantity: Decimal = ZERO
    last_price: Decimal = ZERO
    last_quote: Decimal = ZERO
    commission: Decimal = ZERO
    commission_asset: str | None = None
    trade_id: int = -1
    is_maker: bool = False
    # Self-trade prevention: v, A, B, u, U, Cs, pl, pL, pY
    prevented_match_id: int | None = None
    prevented_quantity: Decimal | None = None
    last_prevented_quantity: Decimal | None = None
    # What would have traded: an order that expires for it may have been larger.
    prevented_execution: Decimal = ZERO
    prevented_price: Decimal = ZERO
    trade_group_id: int | None = None
    counter_order_id: int | None = None
    counter_symbol: str | None = None


@dataclass(slots=True)
class AccountEvent:
    """An outboundAccountPosition: (asset, free, locked) of what may have changed."""

    account: str
    time: int
    balances: tuple[tuple[str, Decimal, Decimal], ...]


@dataclass(slots=True)
class BalanceEvent:
    """A balanceUpdate: a deposit (+) or a withdrawal (-)."""

    account: str
    time: int
    asset: str
    delta: Decimal


@dataclass(slots=True)
class ExternalLockEvent:
    """An externalLockUpdate: a system outside of the exchange locks (+) or unlocks (-) part of a balance."""

    account: str
    time: int
    asset: str
    delta: Decimal


@dataclass(slots=True)
class ListEvent:
    """A listStatus. ``order_list`` is a copy."""

    account: str
    time: int
    order_list: OrderList
    reject_reason: str = "NONE"


@dataclass(slots=True)
class TradeEvent:
    """A public trade."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    quote: Decimal
    time: int
    is_buyer_maker: bool


@dataclass(slots=True)
class AggTradeEvent:
    """Trades of one taker order at one price."""

    symbol: str
    agg_id: int
    price: Decimal
    quantity: Decimal
    first_trade_id: int
    last_trade_id: int
    time: int
    is_buyer_maker: bool


@dataclass(slots=True)
class BookEvent:
    """Levels that changed in one operation (quantity 0: gone), and the best levels after it.

    ``first_update_id`` is always the previous event's ``final_update_id`` + 1.
    """

    symbol: str
    time: int
    first_update_id: int
    final_update_id: int
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    best_bid: PriceLevel | None
    best_ask: PriceLevel | None
    best_changed: bool


@dataclass(slots=True)
class StatusEvent:
    """A symbol changed its trading status or its filters."""

    symbol: str
    time: int
    status: str


Event = (
    OrderEvent
    | AccountEvent
    | BalanceEvent
    | ExternalLockEvent
    | ListEvent
    | TradeEvent
    | AggTradeEvent
    | BookEvent
    | StatusEvent
)
