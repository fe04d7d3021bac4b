"""Figures of an equity curve: the value of the account over time. What means nothing yet is None, never zero. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.statistics.figures import HUNDRED

HOURS_OF_YEAR = 24 * 365
HOUR_MS = 3_600_000
RETURNS_MIN = 24

Point = tuple[int, Decimal]


def max_drawdown_percent(values: Sequence[Decimal]) -> Decimal | None:
    """The deepest fall from a peak, in percent of that peak, as a positive number; None without two values."""
    if len(values) < 2:
        return None
    peak, deepest = values[0], Decimal(0)
    for value in values:
        peak = max(peak, value)
        if peak > 0:
            deepest = max(deepest, (peak - value) / peak)
    return deepest * HUNDRED


def sharpe_ratio(points: Sequence[Point]) -> Decimal | None:
    """mean / standard deviation (of the sample) of the hourly returns * sqrt(8760); no unit, risk-free rate 0.

    ``points`` are (ms UTC, equity) in order; the last of each hour counts, an hour without one keeps the value.
    None with fewer than 24 hourly returns, or when nothing moved.
    """
    returns = _hourly_returns(points)
    if len(returns) < RETURNS_MIN:
        return None
    mean = _mean(returns)
    variance = sum(((value - mean) ** 2 for value in returns), Decimal(0)) / (len(returns) - 1)
    return _annualised(mean, variance)


def sortino_ratio(points: Sequence[Point]) -> Decimal | None:
    """mean / sqrt(mean of the squared hourly losses, gains counting 0) * sqrt(8760); no unit, target return 0.

    ``points`` as for ``sharpe_ratio``. None with fewer than 24 hourly returns, or when no hour lost.
    """
    returns = _hourly_returns(points)
    if len(returns) < RETURNS_MIN:
        return None
    return _annualised(_mean(returns), _mean([min(value, Decimal(0)) ** 2 for value in returns]))


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _annualised(mean: Decimal, variance: Decimal) -> Decimal | None:
    return mean / variance.sqrt() * Decimal(HOURS_OF_YEAR).sqrt() if variance else None


def _hourly_returns(points: Sequence[Point]) -> list[Decimal]:
    closes: dict[int, Decimal] = {time // HOUR_MS: value for time, value in points}
    if not closes:
        return []
    hours = range(min(closes), max(closes) + 1)
    value = closes[hours[0]]
    returns = []
    for hour in hours[1:]:
        now = closes.get(hour, value)
        if value > 0:
            returns.append(now / value - 1)
        value = now
    return returns


def thinned(points: Sequence[Point], count_max: int) -> list[Point]:
    """At most ``count_max`` points, evenly taken, the first and the last always among them."""
    if len(points) <= count_max:
        return list(points)
    step = (len(points) - 1) / (count_max - 1)
    return [points[round(index * step)] for index in range(count_max)]
