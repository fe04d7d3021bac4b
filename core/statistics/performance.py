"""How the account did, in the figures every screen, API and report shows: each from its one definition. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.statistics.equity import (
    EquityCurve,
    calmar_ratio,
    exposure_percent,
    max_drawdown_percent,
    sharpe_ratio,
    sortino_ratio,
    turnover,
)
from core.statistics.figures import change_percent
from core.statistics.results import Results


@dataclass(frozen=True, slots=True)
class PerformanceFigures:
    """Without a unit unless the name has one; ``expectancy`` in the asset of valuation. None: means nothing yet.

    ``return_percent`` is time-weighted: what was brought or taken is no part of it.
    """

    return_percent: Decimal | None
    max_drawdown_percent: Decimal | None
    sharpe: Decimal | None
    sortino: Decimal | None
    calmar: Decimal | None
    profit_factor: Decimal | None
    expectancy: Decimal | None
    win_rate_percent: Decimal | None
    exposure_percent: Decimal | None
    turnover: Decimal | None


def performance_figures(
    results: Results, curve: EquityCurve, open_times: Sequence[tuple[int, int]]
) -> PerformanceFigures:
    """The figures over the whole curve; ``open_times``: when each position was open (ms UTC)."""
    points = curve.returns
    index = [level for _, level in points]
    since_ms, until_ms = (points[0][0], points[-1][0]) if points else (0, 0)
    return PerformanceFigures(
        return_percent=change_percent(index[-1], index[0]) if index else None,
        max_drawdown_percent=max_drawdown_percent(index),
        sharpe=sharpe_ratio(points),
        sortino=sortino_ratio(points),
        calmar=calmar_ratio(points),
        profit_factor=results.profit_factor,
        expectancy=results.expectancy,
        win_rate_percent=results.win_rate_percent,
        exposure_percent=exposure_percent(open_times, since_ms=since_ms, until_ms=until_ms),
        turnover=turnover(results.volume, curve.values),
    )
