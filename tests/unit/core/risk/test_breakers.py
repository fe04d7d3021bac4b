"""What trips a breaker: prices that jump, orders refused one after the other, answers that take too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.risk.breakers import AnswerRuns, BreakerRules, RecentPrices
from core.risk.halts import Cause
from shared.src.domain.money import ZERO

RULES = BreakerRules(jump_percent=Decimal(20), rejects=3, latency_s=2.0, rest=timedelta(minutes=5))
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
FINE, NO, UNKNOWN = False, True, None


@pytest.mark.parametrize(
    ("answers", "trips"),
    [
        ([(NO, 0.1)] * 3, [Cause.REJECTS]),
        ([(NO, 0.1)] * 2, []),
        ([(NO, 0.1), (NO, 0.1), (FINE, 0.1), (NO, 0.1)], []),
        ([(NO, 0.1), (UNKNOWN, 0.1), (NO, 0.1), (NO, 0.1)], [Cause.REJECTS]),
        ([(NO, 0.1), (NO, 0.1), (FINE, 0.1), (NO, 0.1), (NO, 0.1)], []),
        ([(FINE, 3.0)] * 5, [Cause.LATENCY]),
        ([(FINE, 2.0)] * 5, []),
        ([(FINE, 3.0)] * 4, []),
        ([(FINE, 3.0)] * 4 + [(FINE, 1.0)] + [(FINE, 3.0)] * 4, []),
        ([(FINE, 3.0)] * 4 + [(FINE, 1.0), (FINE, 3.0)], []),
        ([(UNKNOWN, 3.0)] * 5, [Cause.LATENCY]),
    ],
)
def test_answers_trip_a_breaker_only_in_a_row(answers: list[tuple[bool | None, float]], trips: list[Cause]) -> None:
    runs = AnswerRuns()
    for refused, seconds in answers:
        runs = runs.after(refused=refused, seconds=seconds, rules=RULES)
    assert list(runs.breaches(RULES)) == trips


@pytest.mark.parametrize(
    ("path", "trips"),
    [
        ([(0, 100), (30, 121)], True),
        ([(0, 100), (30, 82)], True),
        ([(0, 100), (30, 119)], False),
        ([(0, 100), (30, 120)], True),
        ([(0, 100), (60, 130)], True),
        ([(0, 100), (61, 130)], False),
        ([(0, 100), (50, 110), (100, 125)], False),
        ([(0, 100)], False),
    ],
)
def test_a_price_that_jumps_within_a_minute_trips_a_breaker(path: list[tuple[int, int]], trips: bool) -> None:
    prices = RecentPrices()
    for second, price in path:
        prices = prices.with_price(Decimal(price), Decimal(price), NOON + timedelta(seconds=second))
    assert bool(prices.breach(RULES)) is trips


@pytest.mark.parametrize("book", [(0, 100), (100, 0), (50, 100), (100, 160)])
def test_a_side_that_thins_out_or_is_empty_is_no_jump(book: tuple[int, int]) -> None:
    bid, ask = map(Decimal, book)
    calm = RecentPrices().with_price(Decimal(99), Decimal(100), NOON)
    assert calm.with_price(bid, ask, NOON + timedelta(seconds=5)).breach(RULES) == ""
    assert RecentPrices().with_price(ZERO, ask, NOON).breach(RULES) == ""


def test_a_coin_worth_less_than_a_unit_can_jump_too() -> None:
    cheap = RecentPrices().with_price(Decimal("0.5"), Decimal("0.6"), NOON)
    assert cheap.with_price(Decimal("0.7"), Decimal("0.8"), NOON + timedelta(seconds=5)).breach(RULES)
