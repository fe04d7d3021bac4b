"""Intervals by the stationary bootstrap: they hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.bootstrap import block_length, mean_interval
from tests.oracles.made import KINDS, SEEDS, returns_of
from tests.oracles.read import FIGURES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_blocks_are_as_long_as_by_arch(kind: str, seed: int) -> None:
    known = FIGURES["single"][f"{kind}-{seed}"]["block"]
    assert block_length(returns_of(seed, kind)) == pytest.approx(max(1.0, known), rel=1e-9)


def covered(dependence: float, *, runs: int = 300) -> float:
    """How often the interval holds the true mean, which is 0."""
    random, held = np.random.default_rng(5), 0
    for run in range(runs):
        values = random.normal(0, 0.01, 400)
        for place in range(1, len(values)):
            values[place] += dependence * values[place - 1]
        interval = mean_interval(values, draws=400, seed=run)
        assert interval is not None
        held += interval.low <= 0 <= interval.high
    return held / runs


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    assert 0.91 <= covered(0.0) <= 0.98


def test_returns_that_depend_on_each_other_widen_it() -> None:
    assert covered(0.4) >= 0.87, "single draws would hold it in 0.80 only"


def test_the_same_returns_have_the_same_interval() -> None:
    returns = returns_of(1, "heavy")
    assert mean_interval(returns) == mean_interval(returns.copy())
    assert mean_interval(returns) != mean_interval(returns, seed=1)


def test_a_higher_level_is_wider() -> None:
    wide, narrow = mean_interval(returns_of(2, "normal"), level=0.99), mean_interval(returns_of(2, "normal"), level=0.5)
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_too_few_returns_have_no_interval() -> None:
    assert mean_interval(np.full(19, 0.01)) is None


def test_what_never_moves_has_an_interval_without_width() -> None:
    interval = mean_interval(np.full(50, 0.25))
    assert interval is not None
    assert (interval.low, interval.high) == (0.25, 0.25)
