"""Stored features in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.src.ports import END_OF_TIME_MS
from shared.memory.features import MemoryFeatureTable
from shared.src.domain.features import BarFeatures


class MemoryStoredFeatures:
    """Implements ``StoredFeatures``, over the table that the market analyzer writes."""

    def __init__(self, table: MemoryFeatureTable) -> None:
        self._table = table

    async def tail(self, *, count: int, before_ms: int = END_OF_TIME_MS) -> Sequence[BarFeatures]:
        return self._table.tail(count=count, before_ms=before_ms)
