"""Decisions in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from coordinator.src.adapters.rows import LISTED, row_of
from coordinator.src.decisions import Decision
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.clock import Clock, from_ms

SWEEP_MAX = 200

Accepted = Callable[[], Awaitable[Iterable[ConsensusSignal]]]


@dataclass(slots=True)
class _Kept:
    decision: Decision
    kept_at: datetime
    published: bool = False


class MemoryDecisionStore:
    """Implements ``coordinator.src.ports.DecisionStore``. ``accepted``: every consensus that was accepted."""

    def __init__(self, clock: Clock, accepted: Accepted) -> None:
        self._clock = clock
        self._accepted = accepted
        self._kept: dict[str, _Kept] = {}
        self._by_consensus: dict[str, str] = {}

    async def decided(self, consensus_ids: Collection[str]) -> set[str]:
        return {name for name in consensus_ids if name in self._by_consensus}

    async def insert(self, decisions: Sequence[Decision]) -> list[Decision]:
        new = []
        for decision in decisions:
            if decision.intent_id not in self._kept:
                self._kept[decision.intent_id] = _Kept(decision, self._clock.now())
                self._by_consensus[decision.signal.message_id] = decision.intent_id
                new.append(decision)
        return new

    async def mark_published(self, intent_ids: Collection[str]) -> None:
        for intent_id in intent_ids:
            self._kept[intent_id].published = True

    async def unpublished(self, *, older_s: float) -> list[OrderIntent]:
        before = self._clock.now() - timedelta(seconds=older_s)
        waiting = [kept.decision.intent for kept in self._in_order() if not kept.published and kept.kept_at <= before]
        return [intent for intent in waiting if intent is not None][:SWEEP_MAX]

    async def undecided(self, *, since: datetime, older_s: float) -> list[ConsensusSignal]:
        before = self._clock.now() - timedelta(seconds=older_s)
        waiting = [
            signal
            for signal in await self._accepted()
            if signal.message_id not in self._by_consensus
            and from_ms(signal.close_time) >= since
            and signal.occurred_at <= before
        ]
        return sorted(waiting, key=lambda signal: (signal.close_time, signal.message_id))[:SWEEP_MAX]

    async def approved(self, since: datetime) -> list[OrderIntent]:
        """What was approved after a time, oldest first: the trader looks for what no message brought."""
        intents = (kept.decision.intent for kept in self._in_order() if kept.decision.decided_at > since)
        return [intent for intent in intents if intent is not None]

    async def latest(self, *, symbol: str | None, approved: bool | None, limit: int) -> list[dict[str, Any]]:
        rows = [self._row(kept) for kept in self._in_order()]
        found = [row for row in rows if symbol in (None, row["symbol"]) and approved in (None, row["approved"])]
        found.sort(key=lambda row: row["decided_at"], reverse=True)
        return [{name: row[name] for name in LISTED} for row in found[:limit]]

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        """As the port says; the cycle after it and the votes are kept elsewhere."""
        kept = self._kept.get(self._by_consensus.get(decision_id, decision_id))
        if kept is None:
            return None
        signal = kept.decision.signal
        consensus = {
            "strategy": signal.strategy,
            "timeframe": signal.timeframe.value,
            "strength": signal.strength,
            "confidence": signal.confidence,
            "consensus_reason": signal.reason,
        }
        return self._row(kept) | consensus

    def _in_order(self) -> list[_Kept]:
        return sorted(self._kept.values(), key=lambda kept: (kept.decision.decided_at, kept.decision.intent_id))

    def _row(self, kept: _Kept) -> dict[str, Any]:
        return row_of(kept.decision) | {"published": kept.published}
