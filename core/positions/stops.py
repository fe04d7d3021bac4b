"""Where the stop of an open position stands: as it was decided, or nearer behind the price, never farther again.

The exchange trails a stop by itself, from the price at which it was placed. Such an order is used only once it stands
no lower than the stop of before; until then, and for what is placed again after a fall, the stop stands still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.positions.model import Cycle, Order, Purpose
from core.positions.standing import StandingExit
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderType
from shared.src.exchange.rules import SymbolRules

HUNDRED = Decimal(100)
BIPS = 100  # in a percent


@dataclass(frozen=True, slots=True)
class StopRules:
    """How stops move and what is sold early, as the user set it; percentages of a price, None: never.

    ``trailing_percent``: distance behind the highest price, where the decision has none of its own.
    ``break_even_percent``: the gain at which the stop moves to the entry with the fees of a round trip (``round_trip``,
    a share). ``part_at_percent``: the gain at which ``part_percent`` of the position is sold. ``limit_percent``: how
    far under its trigger a stop may sell, in symbols that have no stops at market.
    """

    trailing_percent: Decimal | None = None
    break_even_percent: Decimal | None = None
    part_at_percent: Decimal | None = None
    part_percent: Decimal = Decimal(50)
    limit_percent: Decimal = Decimal(5)
    round_trip: Decimal = Decimal("0.002")

    def may_act(self, cycle: Cycle) -> bool:
        """Whether a higher price may ask for something to be done."""
        settings = (self.trailing_percent, self.break_even_percent, self.part_at_percent, cycle.trailing_delta)
        return any(setting is not None for setting in settings)


@dataclass(frozen=True, slots=True)
class StopLevel:
    """At this price, or, with ``trailing_bips``, so far behind the highest price from now on, which is no lower."""

    price: Decimal
    trailing_bips: int | None = None


def stop_level(
    cycle: Cycle, decided: Decimal, price: Decimal | None, rules: SymbolRules, stops: StopRules
) -> StopLevel:
    """Where the stop belongs while a position could be sold at ``price``; ``decided``: the cycle's stop.

    Without a price nothing trails: the exchange would measure from wherever it traded last.
    """
    bips = trailing_bips(cycle, rules, stops)
    if bips is None:
        return StopLevel(decided)
    level = max(decided, _behind(cycle.max_price or ZERO, bips))
    trails = price is not None and _behind(price, bips) >= level
    return StopLevel(level, bips if trails else None)


def trailing_bips(cycle: Cycle, rules: SymbolRules, stops: StopRules) -> int | None:
    """The trailing distance within the symbol's limits; None when nothing trails, or the symbol has no such stops."""
    bips = cycle.trailing_delta
    if bips is None and stops.trailing_percent is not None:
        bips = int(stops.trailing_percent * BIPS)
    if not bips or not rules.trailing_allowed or not rules.trailing_below_max:
        return None
    return max(rules.trailing_below_min, min(bips, rules.trailing_below_max))


def is_elsewhere(standing: StandingExit, cycle: Cycle, price: Decimal, rules: SymbolRules, stops: StopRules) -> bool:
    """Whether a stop or target stands at another price than it should, by more than prices are rounded."""
    if cycle.stop_price is None:
        return False
    wanted = stop_level(cycle, cycle.stop_price, price, rules, stops)
    bips = trailing_bips(cycle, rules, stops)
    # from here on it might trail under the decided stop: the price may have fallen before it was placed
    is_loose = bips is None or _behind(price, bips) < cycle.stop_price
    return any(_is_elsewhere(order, cycle, wanted, rules, is_loose=is_loose) for order in standing.legs)


def _is_elsewhere(order: Order, cycle: Cycle, wanted: StopLevel, rules: SymbolRules, *, is_loose: bool) -> bool:
    if order.purpose is Purpose.TAKE_PROFIT:
        return _differ(order.price, cycle.take_profit_price, rules.tick)
    if is_trailing(order):
        return is_loose
    return wanted.trailing_bips is not None or _differ(order.stop_price, wanted.price, rules.tick)


def is_trailing(order: Order) -> bool:
    return order.type is OrderType.STOP_LOSS and order.stop_price is None


def break_even(cycle: Cycle, price: Decimal, stops: StopRules) -> Decimal | None:
    """Where the stop moves now that the position has gained enough; None: not yet, or it stands there or higher."""
    entry, gain = cycle.entry_price, stops.break_even_percent
    if entry is None or gain is None or cycle.stop_price is None or price < entry * (1 + gain / HUNDRED):
        return None
    level = entry * (1 + stops.round_trip)
    return level if cycle.stop_price < level < price else None


def part_to_sell(
    cycle: Cycle, orders: Iterable[Order], price: Decimal, rules: SymbolRules, stops: StopRules
) -> Decimal:
    """Base units to sell early now that the position has gained enough; 0: not yet, done, or too little to divide."""
    entry, gain = cycle.entry_price, stops.part_at_percent
    if entry is None or gain is None or price < entry * (1 + gain / HUNDRED) or any(map(_was_part, orders)):
        return ZERO
    part = rules.floor_quantity(cycle.quantity * stops.part_percent / HUNDRED, market=True)
    rest = cycle.quantity - cycle.exit_quantity - part
    return part if rules.is_sellable(part, price) and rules.is_sellable(rest, price) else ZERO


def _was_part(order: Order) -> bool:
    return order.purpose is Purpose.TAKE_PROFIT and order.type is OrderType.MARKET and order.executed_quantity > 0


def _behind(price: Decimal, bips: int) -> Decimal:
    return price * (1 - Decimal(bips) / (BIPS * HUNDRED))


def _differ(placed: Decimal | None, wanted: Decimal | None, tick: Decimal) -> bool:
    return placed is not None and wanted is not None and abs(placed - wanted) > tick
