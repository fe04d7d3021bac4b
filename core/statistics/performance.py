"""Figures of performance, from equity and results. Ratios that mean nothing yet are None, never zero."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

HOURS_OF_YEAR = 24 * 365
HOUR_MS = 3_600_000
SHARPE_HOURS_MIN = 24
HUNDRED = Decimal(100)

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
    """Mean over standard deviation of hourly returns, annualised by sqrt(8760); risk-free rate 0.

    ``points`` are (ms UTC, equity) in order; the last of each hour counts, an hour without one keeps the value.
    None with fewer than 24 hourly returns, or when nothing moved.
    """
    returns = _hourly_returns(points)
    if len(returns) < SHARPE_HOURS_MIN:
        return None
    mean = sum(returns, Decimal(0)) / len(returns)
    variance = sum(((value - mean) ** 2 for value in returns), Decimal(0)) / (len(returns) - 1)
    if variance == 0:
        return None
    return mean / variance.sqrt() * Decimal(HOURS_OF_YEAR).sqrt()


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


def percent_of(part: Decimal, whole: Decimal) -> Decimal | None:
    """``part`` in percent of ``whole``; None when there is no whole to be a part of."""
    return part / whole * HUNDRED if whole > 0 else None


def thinned(points: Sequence[Point], count_max: int) -> list[Point]:
    """At most ``count_max`` points, evenly taken, the first and the last always among them."""
    if len(points) <= count_max:
        return list(points)
    step = (len(points) - 1) / (count_max - 1)
    return [points[round(index * step)] for index in range(count_max)]
