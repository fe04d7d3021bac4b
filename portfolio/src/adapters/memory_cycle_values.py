"""What completed cycles came to in the asset of valuation, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.statistics.conversion import CycleValue, UnvaluedCycle, converted_all, quote_of
from core.statistics.results import CycleResult
from portfolio.src.ports import BEGINNING, TradesReader


class MemoryCycleValues:
    """Implements ``portfolio.src.ports.CycleValues``. The executions read here do not say which fees had no price."""

    def __init__(self, trades: TradesReader) -> None:
        self._trades = trades
        self._values: dict[str, CycleValue] = {}
        self._asset = ""

    async def valued_in(self, asset: str) -> None:
        self._asset = asset

    def converted(self, results: Sequence[CycleResult]) -> list[CycleResult]:
        """Results in the asset of valuation, without those whose rate is not known."""
        return converted_all(results, self._values, self._asset) if self._asset else list(results)

    async def unvalued(self, asset: str, *, since: datetime, limit: int) -> list[UnvaluedCycle]:
        unknown = any(each.rate is None for each in self._values.values())
        cycles = await self._trades.completed(BEGINNING if unknown else since)
        missing = [each for each in cycles if not self._is_known(each.cycle_id, asset)]
        return [
            UnvaluedCycle(each.cycle_id, quote_of(each.symbol, asset), each.completed_at) for each in missing[:limit]
        ]

    def _is_known(self, cycle_id: str, asset: str) -> bool:
        known = self._values.get(cycle_id)
        return known is not None and known.valued_in == asset and known.rate is not None

    async def write(self, values: Sequence[CycleValue], at: datetime) -> None:
        self._values |= {each.cycle_id: each for each in values}
