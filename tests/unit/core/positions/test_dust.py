"""What a position may leave behind, judged by what it cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.positions.dust import is_dust, smallest_cost
from core.positions.position import Position
from shared.src.exchange.rules import SymbolRules
from tests.unit.core.positions.cycles import RULES, state

D = Decimal
FREE = replace(RULES, step=D(0), quantity_min=D(0), notional_min=D(0))
CYCLE = state(dust_cost_max=D(5)).cycle


@pytest.mark.parametrize(
    ("rules", "cost"),
    [
        (replace(FREE, notional_min=D(5)), D(5)),
        (replace(FREE, step=D("0.5")), D(50)),
        (replace(FREE, market_step=D("0.25")), D(25)),
        (replace(FREE, quantity_min=D(2)), D(200)),
        (replace(FREE, step=D("0.01"), market_quantity_min=D(3), notional_min=D(5)), D(300)),
    ],
)
def test_the_smallest_order_is_worth_what_the_strictest_of_all_limits_asks_for(
    rules: SymbolRules, cost: Decimal
) -> None:
    assert smallest_cost(rules, D(100)) == cost


def held(units: str, *, bought: str = "2", price: int = 100) -> Position:
    return Position(bought=D(bought), bought_quote=D(bought) * price, sold=D(bought) - D(units))


def test_a_rest_is_dust_up_to_what_the_smallest_order_cost() -> None:
    assert is_dust(CYCLE, held("0.05"), RULES)
    assert not is_dust(CYCLE, held("0.06"), RULES)


def test_who_holds_nothing_or_paid_nothing_holds_dust() -> None:
    assert is_dust(CYCLE, held("0"), RULES)
    assert is_dust(CYCLE, Position(), RULES)
    assert is_dust(replace(CYCLE, dust_cost_max=D(-1)), held("0"), RULES)


def test_a_rest_is_judged_by_the_lower_of_what_was_paid_and_what_was_decided() -> None:
    assert is_dust(replace(CYCLE, reference_price=D(50)), held("0.1"), RULES)
    assert not is_dust(replace(CYCLE, reference_price=D(200)), held("0.1"), RULES)


def test_of_an_old_row_a_rest_is_dust_but_never_more_than_the_half() -> None:
    old, huge = replace(CYCLE, dust_cost_max=None), replace(RULES, quantity_min=D(9))
    assert is_dust(old, held("1"), huge)
    assert not is_dust(old, held("1.01"), huge)
    assert is_dust(old, held("0.05"), RULES)
    assert not is_dust(old, held("0.06"), RULES)
