"""What may be moved by hand of an open position."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import Cycle
from core.positions.moves import LevelMove, judged_move
from core.risk.verdicts import Refused
from tests.unit.core.positions.cycles import PRICE, RULES, state

D = Decimal


def held(**facts: Any) -> Cycle:
    """Two units bought at 100, with a stop at 98 and a target at 104."""
    known = {"quantity": D(2), "levels_at": PRICE, "stop_price": D(98), "take_profit_price": D(104)}
    return state(**(known | facts)).cycle


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (LevelMove(D("99.07")), LevelMove(D("99.0"))),
        (LevelMove(None, D("103.01")), LevelMove(None, D("103.1"))),
        (LevelMove(D(99), D(105)), LevelMove(D(99), D(105))),
        (LevelMove(D(97), loosen=True), LevelMove(D(97), loosen=True)),
        (LevelMove(D(98), D(105)), LevelMove(D(98), D(105))),
    ],
)
def test_levels_move_to_allowed_prices(move: LevelMove, expected: LevelMove) -> None:
    assert judged_move(held(), move, RULES, bid=PRICE, last=PRICE) == expected


@pytest.mark.parametrize(
    ("cycle", "move", "reason"),
    [
        (held(), LevelMove(), "give a stop_price"),
        (held(exit_reason="signal"), LevelMove(D(99)), "is being sold: signal"),
        (held(levels_at=None), LevelMove(D(99)), "nothing was bought yet"),
        (held(), LevelMove(D(100)), "would sell at once: the bid is 100"),
        (held(), LevelMove(D(97)), "would loosen the one at 98"),
        (held(), LevelMove(None, D(100)), "would sell at once: the bid is 100"),
        (held(quantity=D("0.05")), LevelMove(D(99)), "under the exchange minimum"),
        (held(exit_quantity=D("1.97")), LevelMove(D(99)), "under the exchange minimum"),
        (held(take_profit_price=D(99)), LevelMove(D("99.5")), "must stand under the target"),
        (held(take_profit_price=D(99)), LevelMove(D(99)), "must stand under the target"),
    ],
)
def test_a_move_is_refused_with_its_reason(cycle: Cycle, move: LevelMove, reason: str) -> None:
    refused = judged_move(cycle, move, RULES, bid=PRICE, last=PRICE)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_a_stop_is_refused_where_the_last_trade_would_start_it_whatever_is_bid() -> None:
    refused = judged_move(held(), LevelMove(stop_price=PRICE - 5), RULES, bid=PRICE, last=PRICE - 10)
    assert isinstance(refused, Refused)
    assert "the last trade was at" in refused.reason
