"""What the operator did by hand to a position.

Coins that a protection locks cannot be sold by hand. So a sale by hand sells the operator's own coins while the
protection stands, and the position's once the operator has taken its protection off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.positions.model import CycleState, Order, Purpose
from shared.src.domain.orders import OrderStatus, Side

OPERATOR = "operator"


def last_stop(orders: Iterable[Order]) -> Order | None:
    """The stop that was placed last."""
    stops = (order for order in orders if order.purpose is Purpose.STOP_LOSS)
    return max(stops, key=lambda order: order.attempt, default=None)


def is_taken_off(view: CycleState) -> bool:
    """Whether the operator cancelled the protection, and nobody asked for another one since.

    What we cancel ourselves is marked before it is asked of the exchange. A stop whose target began to fill was
    ended by the exchange.
    """
    stop = last_stop(view.orders)
    if stop is None or not was_taken_off(stop):
        return False
    return not any(order.is_protection and order.executed_quantity for order in view.orders if _is_pair(order, stop))


def _is_pair(order: Order, stop: Order) -> bool:
    return order.side is stop.side and order.attempt == stop.attempt


def was_taken_off(order: Order) -> bool:
    """Whether it is a stop that somebody else cancelled."""
    return order.purpose is Purpose.STOP_LOSS and order.status is OrderStatus.CANCELED and not order.cancel_asked


def belonging_to(view: CycleState, order: Order) -> Order:
    """An order of the operator that sells the position: its fills are the position's."""
    cycle = view.cycle
    return replace(order, cycle_id=cycle.id, intent_id=cycle.intent_id, correlation_id=cycle.correlation_id)


def sells(order: Order, view: CycleState) -> bool:
    """Whether an order that the operator gave sells this position."""
    return order.side is Side.SELL and order.symbol == view.cycle.symbol and is_taken_off(view)
