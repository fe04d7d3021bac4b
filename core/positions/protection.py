"""Where a position's exits stand: stop below, take-profit above, both on allowed prices; and the orders there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.positions.cycle_steps import Protect, ReplaceByStop, Shape
from core.positions.entries import GOOD_TILL_CANCELED
from core.positions.exits import sale
from core.positions.model import Cycle, CycleState, Order, Purpose
from core.positions.repeats import pair_id
from core.positions.rules import PositionRules
from core.positions.stops import HUNDRED, StopLevel, StopRules, stop_level
from core.risk.exit_levels import settle_order
from shared.src.domain.errors import InvariantError
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.rules import SymbolRules


@dataclass(frozen=True, slots=True)
class Protection:
    """Orders for one and the same quantity: a stop, and a target above it where the exchange takes a pair.

    ``list_id``: our id of the pair, of which one cancels the other; empty for a stop alone.
    """

    stop: Order
    target: Order | None = None
    list_id: str = ""

    @property
    def orders(self) -> tuple[Order, ...]:
        return (self.stop,) if self.target is None else (self.target, self.stop)


@dataclass(frozen=True, slots=True)
class Beyond:
    """The price is beyond a level already: the position must be sold."""

    level: Purpose


def settled(cycle: Cycle, rules: SymbolRules, limits: PositionRules) -> Cycle:
    """The cycle with its exit levels on allowed prices, at the real entry price; again: no effect.

    A decision's levels are kept, its stop also where the entry was filled beyond it; those of an order that came
    without are settled here. A cycle that has bought nothing yet comes back as it is.
    """
    if cycle.levels_at is not None or cycle.entry_price is None:
        return cycle
    exits = settle_order(cycle.entry_price, cycle.stop_price, cycle.take_profit_price, limits.exits)
    return replace(
        cycle,
        stop_price=rules.floor_price(exits.stop_loss if cycle.stop_price is None else cycle.stop_price),
        take_profit_price=take_profit_price(exits.take_profit, rules),
        levels_at=cycle.entry_price,
    )


def protection(
    view: CycleState,
    step: Protect | ReplaceByStop,
    rules: SymbolRules,
    bid: Decimal | None,
    now: datetime,
    *,
    stops: StopRules,
) -> Protection | Beyond:
    """The orders that carry out a step on a cycle whose levels are settled.

    ``bid`` is what the position could be sold at, None while nobody bids: a level that it has passed is not sent.
    """
    cycle = view.cycle
    if cycle.stop_price is None or cycle.take_profit_price is None:
        raise InvariantError(f"{cycle.id}: a position without exit levels cannot be protected")
    level = stop_level(cycle, cycle.stop_price, bid, rules, stops)
    if bid is not None and bid <= level.price:
        return Beyond(Purpose.STOP_LOSS)
    if bid is not None and bid >= cycle.take_profit_price:
        return Beyond(Purpose.TAKE_PROFIT)
    stop = stop_at(sale(view, Purpose.STOP_LOSS, OrderType.STOP_LOSS, step.quantity, now), level, rules, stops)
    if isinstance(step, ReplaceByStop) or step.shape is Shape.STOP or not rules.oco_allowed:
        return Protection(stop)
    target = sale(view, Purpose.TAKE_PROFIT, OrderType.LIMIT_MAKER, step.quantity, now)
    target = replace(target, price=take_profit_price(cycle.take_profit_price, rules))
    return Protection(stop, target, list_id=pair_id(cycle.id, stop.attempt))


def stop_at(order: Order, level: StopLevel, rules: SymbolRules, stops: StopRules) -> Order:
    """At market, which sells in a gap too, where the symbol has that; else at a limit far enough under its trigger."""
    if level.trailing_bips is not None:
        return replace(order, trailing_delta=level.trailing_bips)
    trigger = rules.floor_price(level.price)
    if order.type.value in rules.order_types:
        return replace(order, stop_price=trigger)
    limit = rules.floor_price(trigger * (1 - stops.limit_percent / HUNDRED))
    kind = OrderType.STOP_LOSS_LIMIT
    return replace(order, type=kind, stop_price=trigger, price=limit, time_in_force=GOOD_TILL_CANCELED)


def take_profit_price(price: Decimal, rules: SymbolRules) -> Decimal:
    return rules.round_price(price, Side.SELL)
