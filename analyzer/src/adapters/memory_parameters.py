"""Parameters in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analyzer.src.parameters import AUTHOR_CHARACTERS_MAX, merged
from analyzer.src.ports import Overrides
from analyzer.src.strategy_loader import LoadedStrategy
from shared.src.domain.clock import Clock


class MemoryParameterStore:
    """Implements ``ParameterStore``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # oldest first, as they were written
        self._rows: list[dict[str, Any]] = []

    async def current(self) -> Overrides:
        newest = {row["strategy"]: dict(row["parameters"]) for row in self._rows}
        return {strategy: parameters for strategy, parameters in newest.items() if parameters}

    async def version(self) -> int:
        return len(self._rows)

    async def change(
        self, strategy: LoadedStrategy, changes: Mapping[str, float | None], *, author: str
    ) -> dict[str, float]:
        after = merged(strategy, (await self.current()).get(strategy.name, {}), changes)
        row = {"strategy": strategy.name, "parameters": after, "author": author[:AUTHOR_CHARACTERS_MAX]}
        self._rows.append(row | {"changed_at": self._clock.now()})
        return dict(after)

    async def history(self, strategy: str, limit: int = 20) -> Sequence[dict[str, Any]]:
        names = ("parameters", "author", "changed_at")
        rows = [row for row in reversed(self._rows) if row["strategy"] == strategy]
        return [{name: row[name] for name in names} for row in rows[:limit]]
