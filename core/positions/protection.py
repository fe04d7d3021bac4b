"""Where a position's exits stand: stop below, take-profit above, both on allowed prices; and the orders there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.positions.cycle_steps import Protect, ReplaceByStop, Shape
from core.positions.entries import GOOD_TILL_CANCELED
from core.positions.exits import sale
from core.positions.model import Cycle, CycleState, Order, Purpose
from core.positions.rules import PositionRules
from core.risk.exit_levels import settle_order
from shared.src.domain.errors import InvariantError
from shared.src.domain.ids import client_order_id
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.rules import SymbolRules

BIPS = 100  # in a percent
# How far under its trigger the stop's limit stands, so that it fills while the price falls through it.
STOP_LIMIT_OFFSET = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Protection:
    """Orders for one and the same quantity: a stop, and a target above it where the exchange takes a pair.

    ``list_id``: our id of the pair, of which one cancels the other; empty for a stop alone.
    """

    stop: Order
    target: Order | None = None
    list_id: str = ""


@dataclass(frozen=True, slots=True)
class Beyond:
    """The price is beyond a level already: the position must be sold."""

    level: Purpose


def settled(cycle: Cycle, rules: SymbolRules, limits: PositionRules) -> Cycle:
    """The cycle with its exit levels on allowed prices, at the real entry price; again: no effect.

    A decision's levels are kept; those of an order that came without are settled here. A cycle that has bought nothing
    yet comes back as it is.
    """
    if cycle.levels_at is not None or cycle.entry_price is None:
        return cycle
    exits = settle_order(cycle.entry_price, cycle.stop_price, cycle.take_profit_price, limits.exits)
    return replace(
        cycle,
        stop_price=stop_prices(exits.stop_loss, rules)[0],
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
    trailing_percent: Decimal | None,
) -> Protection | Beyond:
    """The orders that carry out a step on a cycle whose levels are settled.

    ``bid`` is what the position could be sold at, None while nobody bids: a level that it has passed is not sent.
    ``trailing_percent``: the distance of trailing stops, where the decision has none of its own; None for none.
    """
    cycle = view.cycle
    if cycle.stop_price is None or cycle.take_profit_price is None:
        raise InvariantError(f"{cycle.id}: a position without exit levels cannot be protected")
    if bid is not None and bid <= cycle.stop_price:
        return Beyond(Purpose.STOP_LOSS)
    if bid is not None and bid >= cycle.take_profit_price:
        return Beyond(Purpose.TAKE_PROFIT)
    stop = _stop(view, cycle.stop_price, step.quantity, rules, now, trailing_percent)
    if isinstance(step, ReplaceByStop) or step.shape is Shape.STOP or not rules.oco_allowed:
        return Protection(stop)
    target = sale(view, Purpose.TAKE_PROFIT, OrderType.LIMIT_MAKER, step.quantity, now)
    target = replace(target, price=take_profit_price(cycle.take_profit_price, rules))
    return Protection(stop, target, list_id=client_order_id(cycle.id, "pair", stop.attempt))


def _stop(
    view: CycleState, level: Decimal, quantity: Decimal, rules: SymbolRules, now: datetime, percent: Decimal | None
) -> Order:
    bips = view.cycle.trailing_delta
    if bips is None and percent is not None:
        bips = int(percent * BIPS)
    delta = trailing_delta(bips, rules) if bips else None
    if delta is not None:
        return replace(sale(view, Purpose.STOP_LOSS, OrderType.STOP_LOSS, quantity, now), trailing_delta=delta)
    trigger, limit = stop_prices(level, rules)
    order = sale(view, Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, quantity, now)
    return replace(order, stop_price=trigger, price=limit, time_in_force=GOOD_TILL_CANCELED)


def stop_prices(stop: Decimal, rules: SymbolRules) -> tuple[Decimal, Decimal]:
    """(trigger, limit) of a STOP_LOSS_LIMIT SELL, on allowed prices; the limit stands under the trigger."""
    trigger = rules.floor_price(stop)
    limit = rules.floor_price(trigger * (1 - STOP_LIMIT_OFFSET))
    return trigger, limit


def take_profit_price(price: Decimal, rules: SymbolRules) -> Decimal:
    return rules.round_price(price, Side.SELL)


def trailing_delta(requested_bips: int, rules: SymbolRules) -> int | None:
    """The trailing distance within the symbol's TRAILING_DELTA limits; None when it has no trailing stops."""
    if not rules.trailing_allowed or not rules.trailing_below_max:
        return None
    return max(rules.trailing_below_min, min(requested_bips, rules.trailing_below_max))
