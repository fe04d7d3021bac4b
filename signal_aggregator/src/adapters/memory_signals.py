"""Decisions in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import CONSENSUS
from shared.src.domain.clock import Clock
from signal_aggregator.src.adapters.rows import LISTED, row_of
from signal_aggregator.src.ports import DecidedBar, Publish


class MemorySignalStore:
    """Implements ``SignalStore``. The id of a decision follows from its bar, so that one row per id is one per bar."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, dict[str, Any]] = {}
        # accepted, and not marked as published
        self._waiting: dict[str, dict[str, Any]] = {}
        self._accepted: dict[str, ConsensusSignal] = {}

    async def add(self, decided: Sequence[DecidedBar]) -> frozenset[str]:
        published = set()
        for row in map(row_of, decided):
            known = self._rows.get(row["id"])
            if known is None:
                self._add(row | {"processed": False, "created_at": self._clock.now()})
            elif row["accepted"] and known["processed"]:
                published.add(row["id"])
        for each in decided:
            if each.signal is not None:
                self._accepted.setdefault(each.signal.message_id, each.signal)
        return frozenset(published)

    def _add(self, row: dict[str, Any]) -> None:
        self._rows[row["id"]] = row
        if row["accepted"]:
            self._waiting[row["id"]] = row

    async def accepted(self) -> Sequence[ConsensusSignal]:
        """Every decision that was accepted, in the order in which they were made."""
        return tuple(self._accepted.values())

    async def mark_published(self, ids: Sequence[str]) -> None:
        for decision_id in ids:
            self._rows[decision_id]["processed"] = True
            self._waiting.pop(decision_id, None)

    async def publish_forgotten(self, publish: Publish, *, older_than_s: float) -> None:
        before = self._clock.now() - timedelta(seconds=older_than_s)
        waiting = [row for row in self._waiting.values() if row["created_at"] < before]
        waiting.sort(key=lambda row: (row["timestamp"], row["id"]))
        if waiting:
            await publish([CONSENSUS.decode(orjson.dumps(row["metadata"]["message"])) for row in waiting])
            await self.mark_published([row["id"] for row in waiting])

    async def recent(self, *, symbol: str | None, accepted: bool | None, limit: int) -> list[dict[str, Any]]:
        found = [
            {name: row[name] for name in LISTED}
            for row in self._rows.values()
            if symbol in (None, row["symbol"]) and accepted in (None, row["accepted"])
        ]
        found.sort(key=lambda row: row["id"])
        found.sort(key=lambda row: row["timestamp"], reverse=True)
        return found[:limit]

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        row = self._rows.get(decision_id)
        return None if row is None else dict(row)
