"""The boundaries of the limits: what is just allowed, and what is just not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.risk.limits import NOTIONAL_RESERVE, age_refusal, market_refusal, stop_refusal
from shared.src.exchange.models import BookTicker
from tests.unit.core.risk.builders import BTC, LIMITS

D = Decimal


def ticker(bid: str, ask: str) -> BookTicker:
    return BookTicker("BTCUSDC", D(bid), D(1), D(ask), D(1))


def test_a_decision_is_good_up_to_its_last_moment() -> None:
    assert age_refusal(0, 180_000, 180) == ""
    assert "over 180 s" in age_refusal(0, 180_001, 180)


def test_a_position_must_be_worth_the_minimum_at_its_stop_with_something_to_spare() -> None:
    least = BTC.notional_min * NOTIONAL_RESERVE
    assert stop_refusal(least / 100, D(100), replace(BTC, step=D(0))) == ""
    assert "no stop could protect it" in stop_refusal(BTC.notional_min / 100, D(100), BTC)


@pytest.mark.parametrize(
    ("bid", "ask", "word"),
    [
        ("99.75", "100.25", ""),
        ("99.74", "100.26", "MAX_SPREAD_PERCENT"),
        ("100.1", "100", "bid 100.1 over ask 100"),
        ("101", "101", ""),
        ("101.01", "101.01", "MAX_PRICE_DRIFT_PERCENT"),
        ("98.99", "98.99", "MAX_PRICE_DRIFT_PERCENT"),
    ],
)
def test_the_market_may_be_as_wide_and_as_far_as_the_limits_say(bid: str, ask: str, word: str) -> None:
    refusal = market_refusal(ticker(bid, ask), D(100), None, LIMITS)
    assert word in refusal
    assert bool(refusal) is bool(word)
