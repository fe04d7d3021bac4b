"""The ratios equal those of a library that others use (empyrical), on the same hourly returns."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import empyrical
import numpy as np
import pandas as pd
import pytest

from core.statistics.equity import (
    HOUR_MS,
    HOURS_OF_YEAR,
    Point,
    calmar_ratio,
    max_drawdown_percent,
    sharpe_ratio,
    sortino_ratio,
)


def curve(seed: int, hours: int = 400) -> list[Point]:
    returns = np.random.default_rng(seed).normal(0.0002, 0.004, hours)
    levels = [1.0, *np.cumprod(1 + returns)]
    return [(hour * HOUR_MS, Decimal(f"{level:.15f}")) for hour, level in enumerate(levels)]


def returns_of(points: list[Point]) -> pd.Series[float]:
    return pd.Series([float(level) for _, level in points]).pct_change().dropna()


def drawdown(points: list[Point]) -> Decimal | None:
    return max_drawdown_percent([level for _, level in points])


RATIOS: list[tuple[Callable[[list[Point]], Decimal | None], Callable[[Any], float]]] = [
    (sharpe_ratio, lambda returns: empyrical.sharpe_ratio(returns, annualization=HOURS_OF_YEAR)),
    (sortino_ratio, lambda returns: empyrical.sortino_ratio(returns, annualization=HOURS_OF_YEAR)),
    (calmar_ratio, lambda returns: empyrical.calmar_ratio(returns, annualization=HOURS_OF_YEAR)),
    (drawdown, lambda returns: -100 * empyrical.max_drawdown(returns)),
]


@pytest.mark.parametrize(("ours", "theirs"), RATIOS, ids=["sharpe", "sortino", "calmar", "max drawdown"])
@pytest.mark.parametrize("seed", range(5))
def test_a_ratio_is_the_reference_librarys(
    seed: int, ours: Callable[[list[Point]], Decimal | None], theirs: Callable[[Any], float]
) -> None:
    points = curve(seed)
    assert float(ours(points) or 0) == pytest.approx(theirs(returns_of(points)), rel=1e-9)
