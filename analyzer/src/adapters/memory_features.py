"""Stored features in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared.memory.features import MemoryFeatureTable
from shared.src.domain.features import BarFeatures

END_OF_TIME_MS: Final = 4_102_444_800_000


class MemoryStoredFeatures:
    """Implements ``StoredFeatures``, over the table that the market analyzer writes."""

    def __init__(self, table: MemoryFeatureTable) -> None:
        self._table = table

    async def tail(self, *, count: int, before_ms: int | None) -> Sequence[BarFeatures]:
        return self._table.tail(count=count, before_ms=END_OF_TIME_MS if before_ms is None else before_ms)
