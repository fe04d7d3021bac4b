"""How a position ends: orders that sell it, and why it is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.execution.arrival import arrival_of
from core.positions.model import Cycle, CycleState, Order, Purpose
from shared.src.domain.errors import TransientError
from shared.src.domain.ids import client_order_id
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.models import BookTicker

# How long the price may stand beyond a stop before the rest is sold at market, wall seconds.
GAP_S_MAX = 1.5
# How old a price may be that was told or asked for a moment ago, wall seconds.
PRICE_AGE_S_MAX = 3.5
# Under a stop at market by more than this is no spread that widened for a moment.
GAP = Decimal("0.995")
# Of a price: so near to it the last trade may have reached it.
NEAR = Decimal("0.001")


def sale(view: CycleState, purpose: Purpose, kind: OrderType, quantity: Decimal, now: datetime) -> Order:
    """An order that sells ``quantity`` base units of the position, under an id that no other attempt has."""
    cycle = view.cycle
    attempt = max((order.attempt for order in view.of(Side.SELL)), default=0) + 1
    return Order(
        client_order_id=client_order_id(cycle.id, purpose.value, attempt),
        intent_id=cycle.intent_id,
        cycle_id=cycle.id,
        attempt=attempt,
        purpose=purpose,
        symbol=cycle.symbol,
        side=Side.SELL,
        type=kind,
        quantity=quantity,
        created_at=now,
        correlation_id=cycle.correlation_id,
    )


def market_sale(
    view: CycleState,
    quantity: Decimal,
    now: datetime,
    purpose: Purpose = Purpose.EXIT,
    *,
    market: BookTicker | None = None,
) -> Order:
    """At market. ``market``: as it is now; what is tried again is measured against the market of the first attempt."""
    order = sale(view, purpose, OrderType.MARKET, quantity, now)
    earlier = (known.arrival for known in view.of(Side.SELL) if known.purpose is purpose and known.arrival is not None)
    arrival = next(earlier, arrival_of(market, Side.SELL) if market is not None and market.bid else None)
    return replace(order, arrival=arrival)


def bid_of(market: BookTicker | None) -> Decimal | None:
    """What a position could be sold at; None while nobody bids, or nobody knows."""
    return (market.bid or None) if market is not None else None


def last_price(view: CycleState) -> Decimal:
    """For judging sizes and levels while nobody bids: the last price of the cycle's own.

    Raises:
        TransientError: it has none.
    """
    known = [order.price for order in view.orders if order.price] + [fill.price for fill in view.fills]
    if not known:
        raise TransientError(f"{view.cycle.symbol}: nobody knows its price")
    return known[-1]


def is_too_old(cycle: Cycle, now: datetime, holding_max: timedelta) -> bool:
    """Whether the position was held for longer than it may be."""
    return not cycle.is_owners and cycle.opened_at is not None and now - cycle.opened_at > holding_max


def is_beyond_stop(cycle: Cycle, bid: Decimal) -> bool:
    """Whether the position could only be sold under its stop now."""
    return cycle.stop_price is not None and bid < cycle.stop_price


def is_jumped_over(orders: Iterable[Order], bid: Decimal) -> bool:
    """Whether an open stop cannot fill: its limit stands above the price, or nobody trades to set it off at market."""
    stops = (order for order in orders if order.is_open and order.purpose is Purpose.STOP_LOSS)
    return any(bid < (order.price or (order.stop_price or ZERO) * GAP) for order in stops)


def is_reached(order: Order, ticker: BookTicker) -> bool:
    """Whether the market is at the price of an order that waits in the book, so that it may be filling."""
    if order.price is None or order.stop_price is not None:
        return False
    if order.side is Side.SELL:
        return ticker.bid >= order.price * (1 - NEAR)
    return ticker.ask <= order.price * (1 + NEAR)


def is_just_opened(cycle: Cycle, now: datetime, speed: float) -> bool:
    """Whether a price that was told may be from before the position: the market perhaps jumped to its entry."""
    opened_at = cycle.opened_at
    return opened_at is not None and now - opened_at < timedelta(seconds=PRICE_AGE_S_MAX * speed)


def may_have_reached(cycle: Cycle, ticker: BookTicker) -> bool:
    """Whether the market may be at an order of the cycle that waits in the book: its entry, or its target."""
    entry, target = cycle.entry_price, cycle.take_profit_price
    if cycle.resting and (entry is None or ticker.ask <= entry * (1 + NEAR)):
        return True
    return target is not None and ticker.bid >= target * (1 - NEAR)


def is_at_unplaced_target(view: CycleState, bid: Decimal) -> bool:
    """Whether the price has reached a target that no order on the exchange stands for."""
    target = view.cycle.take_profit_price
    placed = any(order.is_open and order.purpose is Purpose.TAKE_PROFIT for order in view.orders)
    return target is not None and bid >= target and not placed


def widens(cycle: Cycle, price: Decimal) -> bool:
    """Whether the price is outside of those that the position has seen."""
    if cycle.min_price is None or cycle.max_price is None:
        return True
    return price < cycle.min_price or price > cycle.max_price
