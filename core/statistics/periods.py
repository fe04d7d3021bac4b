"""Days, weeks and months of trading, in UTC, and the results that belong to them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from core.statistics.results import CycleResult, Results


class Period(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class PeriodKey:
    """Whose results: of a period, and in it of a strategy, of a symbol, of both; '' stands for all of them."""

    period: Period
    start: datetime
    strategy: str = ""
    symbol: str = ""


def day_start(moment: datetime) -> datetime:
    """Midnight UTC: where "today" begins."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def period_start(period: Period, moment: datetime) -> datetime:
    """When the period that holds ``moment`` began, in UTC; a week begins on Monday."""
    day = day_start(moment)
    match period:
        case Period.DAILY:
            return day
        case Period.WEEKLY:
            return day - timedelta(days=day.weekday())
        case Period.MONTHLY:
            return day.replace(day=1)
        case _:
            assert_never(period)


def period_results(period: Period, cycles: Iterable[CycleResult]) -> dict[PeriodKey, Results]:
    """By the period in which each cycle was completed: the results of all, per strategy, per symbol, per both."""
    results: dict[PeriodKey, Results] = {}
    for cycle in cycles:
        start = period_start(period, cycle.completed_at)
        for strategy in ("", cycle.strategy):
            for symbol in ("", cycle.symbol):
                key = PeriodKey(period, start, strategy, symbol)
                results[key] = results.get(key, Results()).with_cycle(cycle)
    return results
