"""What the operator did by hand to a position.

Coins that a protection locks cannot be sold by hand. So a sale by hand sells the operator's own coins while the
protection stands, and the position's once the operator has taken its protection off: of several such positions the
oldest first, each up to what it holds, and what is left over from the operator's own. Where the protection went
otherwise, the operator's own coins are sold first: the position's were sold when the account has too few afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from core.positions.model import CycleState, Fill, HandSale, Order, Purpose
from core.positions.position import Position
from core.positions.standing import locked, standing_exits
from shared.src.domain.money import ONE, ZERO, floor_to_step
from shared.src.domain.orders import OrderStatus, Side
from shared.src.exchange.rules import SymbolRules

OPERATOR = "operator"
SAME_QUOTE: Mapping[str, Decimal] = {}


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
    """An order of the operator that sells the position: it is shown with it."""
    cycle = view.cycle
    return replace(order, cycle_id=cycle.id, intent_id=cycle.intent_id, correlation_id=cycle.correlation_id)


def spread(
    order: Order, views: Iterable[CycleState], base: str, rates: Mapping[str, Decimal] = SAME_QUOTE
) -> list[tuple[CycleState, HandSale]]:
    """The positions that an order of the operator sells, and their parts of it.

    ``views``: open positions in the asset ``base``, which is sold, the oldest first. ``rates``: by symbol, what one
    unit of the order's quote asset is worth in that symbol's; in a symbol without one nothing is sold.
    """
    priced = {**rates, order.symbol: ONE}
    meant = [view for view in views if is_taken_off(view) and view.cycle.symbol in priced]
    parts = _shared(order, [(view, _free(view, base)) for view in meant])
    return [(view, replace(part, rate=priced[view.cycle.symbol])) for view, part in parts]


def _free(view: CycleState, base: str) -> Decimal:
    """Base units that the position holds and no other sale is to sell."""
    sales = (order.remaining for order in view.of(Side.SELL) if order.is_open and not order.is_protection)
    return Position.of(view.fills, base).held - sum(sales, ZERO)


def _shared(order: Order, positions: Iterable[tuple[CycleState, Decimal]]) -> list[tuple[CycleState, HandSale]]:
    """A sale shared among positions, in their order, each up to its base units."""
    parts = []
    skipped, left = ZERO, order.executed_quantity if order.is_done else order.quantity
    for view, units in positions:
        quantity = min(left, units)
        if quantity > 0:
            parts.append((view, HandSale(order.client_order_id, skipped, quantity)))
            skipped, left = skipped + quantity, left - quantity
    return parts


def bare(view: CycleState, rules: SymbolRules) -> Decimal:
    """Base units of the position that nothing on the exchange locks, in whole lots: anybody can sell them by hand."""
    loose = Position.of(view.fills, rules.base).held - locked(standing_exits(view))
    return max(ZERO, floor_to_step(loose, rules.step))


def sold_by_hand(
    missing: Decimal, positions: Sequence[tuple[CycleState, SymbolRules]], sales: Iterable[Order]
) -> list[tuple[Order, list[tuple[CycleState, HandSale]]]]:
    """Sales by hand that explain why ``missing`` base units are not there, with the positions that each sold.

    ``sales`` belong to no position yet. One that was placed before a position was open did not sell it.
    """
    units = {view.cycle.id: bare(view, rules) for view, rules in positions}
    rest, found = missing, []
    for order in sales:
        meant = [(view, units[view.cycle.id]) for view, _ in positions if _may_sell(order, view)]
        parts = _shared(order, meant) if order.executed_quantity and rest > 0 else []
        for view, part in parts:
            units[view.cycle.id] -= part.quantity
            rest -= part.quantity
        if parts:
            found.append((belonging_to(parts[0][0], order), parts))
    return found


def _may_sell(order: Order, view: CycleState) -> bool:
    opened_at = view.cycle.opened_at
    return order.symbol == view.cycle.symbol and opened_at is not None and order.created_at >= opened_at


def with_hand_sales(view: CycleState, orders: Iterable[Order], fills: Iterable[Fill]) -> CycleState:
    """The position with its parts of the sales by hand. ``orders``, ``fills``: those sales as a whole."""
    wholes = {order.client_order_id: order for order in orders}
    by_trade = sorted(fills, key=lambda fill: fill.trade_id)
    own = [order for order in view.orders if order.client_order_id not in wholes]
    kept = [fill for fill in view.fills if fill.client_order_id not in wholes]
    for sale in view.cycle.hand_sales:
        own.append(belonging_to(view, _part_of_order(wholes[sale.client_order_id], sale)))
        kept += _parts_of_fills((fill for fill in by_trade if fill.client_order_id == sale.client_order_id), sale)
    own.sort(key=lambda order: (order.created_at, order.attempt, order.client_order_id))
    # trades are numbered by symbol, and what was sold elsewhere was bought before
    kept.sort(key=lambda fill: (fill.symbol != view.cycle.symbol, fill.trade_id))
    return replace(view, orders=tuple(own), fills=tuple(kept))


def _part_of_order(order: Order, sale: HandSale) -> Order:
    executed = min(max(order.executed_quantity - sale.skipped, ZERO), sale.quantity)
    return replace(
        order,
        quantity=sale.quantity,
        executed_quantity=executed,
        executed_quote=order.executed_quote * sale.rate * executed / order.executed_quantity if executed else ZERO,
        status=OrderStatus.FILLED if executed >= sale.quantity else order.status,
    )


def _parts_of_fills(fills: Iterable[Fill], sale: HandSale) -> list[Fill]:
    parts, start = [], ZERO
    for fill in fills:
        first, last = max(start, sale.skipped), min(start + fill.quantity, sale.skipped + sale.quantity)
        if first < last:
            parts.append(_part_of_fill(fill, last - first, sale.rate))
        start += fill.quantity
    return parts


def _part_of_fill(fill: Fill, quantity: Decimal, rate: Decimal) -> Fill:
    return replace(
        fill,
        price=fill.price * rate,
        quantity=quantity,
        quote_quantity=fill.quote_quantity * rate * quantity / fill.quantity,
        fee=fill.fee * quantity / fill.quantity,
        fee_quote=fill.fee_quote * rate * quantity / fill.quantity,
    )
