"""What the operator did by hand to a position.

Coins that a protection locks cannot be sold by hand. So a sale by hand sells the operator's own coins while the
protection stands, and the position's once the operator has taken its protection off. Where the protection went
otherwise, the operator's own coins are sold first: the position's were sold when the account has too few afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from core.positions.model import CycleState, Order, Purpose
from core.positions.position import Position
from core.positions.standing import locked, standing_exits
from shared.src.domain.money import ZERO, floor_to_step
from shared.src.domain.orders import OrderStatus, Side
from shared.src.exchange.rules import SymbolRules

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


def bare(view: CycleState, rules: SymbolRules) -> Decimal:
    """Base units of the position that nothing on the exchange locks, in whole lots: anybody can sell them by hand."""
    loose = Position.of(view.fills, rules.base).held - locked(standing_exits(view))
    return max(ZERO, floor_to_step(loose, rules.step))


def sold_by_hand(
    missing: Decimal, positions: Iterable[tuple[CycleState, SymbolRules]], sales: Iterable[Order]
) -> list[Order]:
    """Sales by hand that explain why ``missing`` base units are not there, each as one of the position that it sold.

    ``sales`` belong to no position yet. One that was placed before a position was open did not sell it.
    """
    rest, found, left = missing, [], [order for order in sales if order.executed_quantity]
    for view, rules in positions:
        units, opened_at = bare(view, rules), view.cycle.opened_at
        for order in list(left):
            sold_it = order.symbol == view.cycle.symbol and opened_at is not None and order.created_at >= opened_at
            if sold_it and units > 0 and rest > 0:
                part = min(order.executed_quantity, units)
                found.append(belonging_to(view, order))
                left.remove(order)
                units, rest = units - part, rest - part
    return found
