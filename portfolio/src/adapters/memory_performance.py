"""Results of periods in memory, computed by ``core.statistics``."""

from __future__ import annotations

from datetime import datetime

from core.statistics.periods import Period, PeriodKey, period_results, period_start
from core.statistics.results import Results
from portfolio.src.adapters.memory_cycle_values import MemoryCycleValues
from portfolio.src.ports import CompletedCycles, TradesReader


class MemoryPerformance:
    """Implements ``portfolio.src.ports.PerformanceRows``."""

    def __init__(self, trades: TradesReader, values: MemoryCycleValues) -> None:
        self._trades = trades
        self._values = values
        self._rows: dict[PeriodKey, Results] = {}

    @property
    def rows(self) -> dict[PeriodKey, Results]:
        return dict(self._rows)

    async def completed_since(self, since: datetime) -> CompletedCycles | None:
        cycles = await self._trades.completed(since)
        if not cycles:
            return None
        first, last = cycles[0].completed_at, cycles[-1].completed_at
        return CompletedCycles(first, last, len(cycles), last)

    async def recompute(self, since: datetime, at: datetime) -> None:
        for period in Period:
            cycles = self._values.converted(await self._trades.completed(period_start(period, since)))
            self._rows |= period_results(period, cycles)
