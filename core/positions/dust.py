"""What a position may leave behind: a rest that is too small for any order, judged by what it cost.

The rules of now do not say it: a filter that has changed, or a price that fell, makes no holding worthless.
"""

from __future__ import annotations

from decimal import Decimal

from core.positions.model import Cycle, CycleState
from core.positions.position import Position
from shared.src.exchange.rules import SymbolRules


def smallest_cost(rules: SymbolRules, price: Decimal) -> Decimal:
    """Quote units that the smallest order is worth at ``price``."""
    units = max(rules.step, rules.market_step, rules.quantity_min, rules.market_quantity_min)
    return max(rules.notional_min, units * price)


def leaves_an_order(view: CycleState, rules: SymbolRules) -> bool:
    """Whether what is held cost as much as an order may be worth: only lots keep it from being sold."""
    position = Position.of(view.fills, rules.base)
    paid = position.entry_price
    return paid is not None and rules.notional_min > 0 and position.held * paid >= rules.notional_min


def is_dust(cycle: Cycle, position: Position, rules: SymbolRules) -> bool:
    """Whether what is held cost no more than the smallest order did when the position was decided.

    ``rules``: for positions of which that was not written down; of those, a rest is dust, never the half.
    """
    paid = position.entry_price
    if paid is None or position.held <= 0:
        return True
    most = cycle.dust_cost_max
    if most is None:
        most = min(smallest_cost(rules, paid), position.bought_quote / 2)
    return position.held * min(paid, cycle.reference_price or paid) <= most
