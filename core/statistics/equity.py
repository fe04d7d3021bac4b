"""Figures of an equity curve: the value of the account over time. What means nothing yet is None, never zero. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.statistics.figures import HUNDRED, percent_of

HOURS_OF_YEAR = 24 * 365
HOUR_MS = 3_600_000
RETURNS_MIN = 24

CALMAR_RETURNS_MIN = 7 * 24  # a year out of fewer hours is mostly exponent

Point = tuple[int, Decimal]


@dataclass(frozen=True, slots=True)
class EquityCurve:
    """``values``: what the account was worth. ``returns``: the same without what the owner brought or took, as an index
    that began at 1; ratios are of these.
    """

    values: Sequence[Point] = ()
    returns: Sequence[Point] = ()


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


def calmar_ratio(points: Sequence[Point]) -> Decimal | None:
    """Growth of a year at the pace of the hourly returns / their deepest fall from a peak; no unit.

    ``points`` as for ``sharpe_ratio``. None with fewer than a week of hourly returns, or when nothing ever fell.
    """
    returns = _hourly_returns(points)
    if len(returns) < CALMAR_RETURNS_MIN:
        return None
    level, levels = Decimal(1), [Decimal(1)]
    for value in returns:
        level *= 1 + value
        levels.append(level)
    drawdown = max_drawdown_percent(levels)
    if not drawdown:
        return None
    year = level ** (Decimal(HOURS_OF_YEAR) / len(returns)) - 1
    return year / (drawdown / HUNDRED)


def exposure_percent(open_times: Iterable[tuple[int, int]], *, since_ms: int, until_ms: int) -> Decimal | None:
    """Percent of the time from ``since_ms`` to ``until_ms`` in which at least one position was open.

    ``open_times``: (opened, closed) of each, ms UTC. None for no time.
    """
    if until_ms <= since_ms:
        return None
    covered, reached = 0, since_ms
    for opened, closed in sorted(open_times):
        begin, end = max(opened, reached), min(closed, until_ms)
        if end > begin:
            covered += end - begin
            reached = end
    return percent_of(Decimal(covered), Decimal(until_ms - since_ms))


def turnover(volume: Decimal, values: Sequence[Point]) -> Decimal | None:
    """How many times the average equity was traded: volume / mean of ``values``; None without any worth."""
    mean = _mean([value for _, value in values]) if values else Decimal(0)
    return volume / mean if mean > 0 else None


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
