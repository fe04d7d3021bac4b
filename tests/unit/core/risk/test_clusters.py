"""Coins that move together share a limit; what cannot be told counts as moving along."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from core.risk.clusters import Closes, cluster_of, correlation_of, moves_with
from core.risk.limits import Candidate, rooms
from tests.unit.core.risk.builders import BTC, CLOSE_MS, LIMITS, account, open_cycle, pending


def path(*, phase: float = 0.0, scale: float = 1.0, count: int = 60) -> Closes:
    """A price that goes up and down around 100, minute by minute."""
    return {minute * 60_000: 100.0 + scale * math.sin(0.7 * minute + phase) for minute in range(count)}


CLOSES = {
    "BTCUSDC": path(),
    "ETHUSDC": path(scale=3.0),
    "SOLUSDC": path(phase=math.pi),
    "NEWUSDC": path(count=5),
    "FLATUSDC": dict.fromkeys(path(), 100.0),
}


@pytest.mark.parametrize(("other", "expected"), [("ETHUSDC", 1.0), ("SOLUSDC", -1.0), ("BTCUSDC", 1.0)])
def test_correlation_is_that_of_the_returns(other: str, expected: float) -> None:
    found = correlation_of(CLOSES["BTCUSDC"], CLOSES[other])
    assert found is not None
    assert found == pytest.approx(expected, abs=0.01)


def test_minutes_that_one_of_them_lacks_are_left_out() -> None:
    holed = {time: close for time, close in CLOSES["ETHUSDC"].items() if time % 240_000}
    assert correlation_of(CLOSES["BTCUSDC"], holed) == pytest.approx(1.0, abs=0.01)


def test_a_cluster_holds_what_moves_along_and_what_nobody_can_tell() -> None:
    found = cluster_of("BTCUSDC", CLOSES, CLOSES, threshold=0.8)
    assert found == {"BTCUSDC", "ETHUSDC", "NEWUSDC", "FLATUSDC"}


def test_an_entry_has_the_room_that_its_cluster_leaves() -> None:
    limits = replace(LIMITS, max_cluster_exposure_percent=Decimal(30))
    view = account(
        cycles=(open_cycle("ETHUSDC", cost=Decimal(1000)), open_cycle("SOLUSDC", cost=Decimal(900))),
        pending=(pending("NEWUSDC", reserved=500), pending("ETHUSDC", reserved=200, intent_id="int-2")),
    )
    candidate = Candidate("int-1", "S", BTC, CLOSE_MS)
    allowed = rooms(candidate, replace(view, closes=CLOSES), limits)
    assert allowed["MAX_CLUSTER_EXPOSURE_PERCENT"] == 3000 - 1000 - 500 - 200
    assert "MAX_CLUSTER_EXPOSURE_PERCENT" not in rooms(candidate, view, LIMITS)
    assert rooms(candidate, view, limits)["MAX_CLUSTER_EXPOSURE_PERCENT"] == 3000 - 1000 - 900 - 700


def test_thirty_returns_are_enough_and_one_less_is_not() -> None:
    assert correlation_of(path(count=31), path(count=31, scale=2.0)) == pytest.approx(1.0, abs=0.01)
    assert correlation_of(path(count=30), path(count=30, scale=2.0)) is None


def test_a_correlation_of_just_the_threshold_moves_along() -> None:
    closes = {"A": path(), "B": path(phase=0.5)}
    found = correlation_of(closes["A"], closes["B"])
    assert found is not None
    assert moves_with("A", "B", closes, threshold=found)
    assert not moves_with("A", "B", closes, threshold=found + 0.001)


def test_two_that_rise_together_and_swing_against_each_other_do_not_move_together() -> None:
    swing = {minute * 60_000: minute + 100.0 + (-1) ** minute for minute in range(60)}
    against = {minute * 60_000: minute + 100.0 - (-1) ** minute for minute in range(60)}
    found = correlation_of(swing, against)
    assert found is not None
    assert found < -0.9
