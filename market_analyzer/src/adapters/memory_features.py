"""Feature rows in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Sequence

from market_analyzer.src.ports import Confirm, Place
from shared.memory.features import MemoryFeatureTable
from shared.src.domain.candles import Timeframe
from shared.src.domain.features import BarFeatures


class MemoryFeatureStore:
    """Implements ``FeatureStore``."""

    def __init__(self, table: MemoryFeatureTable) -> None:
        self._table = table

    async def store(self, rows: Sequence[BarFeatures], confirm: Confirm) -> None:
        await confirm()
        self._table.put(rows)

    async def newest(self, symbol: str, timeframe: Timeframe) -> int | None:
        return self._table.newest(symbol, timeframe)

    async def outdated(self, places: Sequence[Place]) -> set[Place]:
        return {place for place in places if self._table.is_outdated(place)}
