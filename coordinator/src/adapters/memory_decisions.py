"""Decisions in memory, for the platform in one process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from coordinator.src.adapters.rows import LISTED, row_of
from coordinator.src.decisions import Decision
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.clock import Clock, from_ms

SWEEP_MAX = 200

Accepted = Callable[[], Awaitable[Iterable[ConsensusSignal]]]


@dataclass(frozen=True, slots=True)
class _Kept:
    decision: Decision
    at: datetime


class MemoryDecisionStore:
    """Implements ``coordinator.src.ports.DecisionStore``.

    ``accepted``: every consensus that was accepted. A long history costs nothing where no sweep runs: what is asked for
    otherwise looks at what is new.
    """

    def __init__(self, clock: Clock, accepted: Accepted) -> None:
        self._clock = clock
        self._accepted = accepted
        self._kept: dict[str, _Kept] = {}  # in the order in which they were made
        self._by_consensus: dict[str, str] = {}
        self._unpublished: dict[str, None] = {}

    async def decided(self, consensus_ids: Collection[str]) -> set[str]:
        return {name for name in consensus_ids if name in self._by_consensus}

    async def insert(self, decisions: Sequence[Decision]) -> list[Decision]:
        new = [decision for decision in decisions if decision.intent_id not in self._kept]
        for decision in new:
            self._kept[decision.intent_id] = _Kept(decision, self._clock.now())
            self._by_consensus[decision.signal.message_id] = decision.intent_id
            if decision.intent is not None:
                self._unpublished[decision.intent_id] = None
        return new

    async def mark_published(self, intent_ids: Collection[str]) -> None:
        for intent_id in intent_ids:
            self._unpublished.pop(intent_id, None)

    async def unpublished(self, *, older_s: float) -> list[OrderIntent]:
        before = self._clock.now() - timedelta(seconds=older_s)
        waiting = [self._kept[intent_id] for intent_id in self._unpublished]
        return _intents(kept.decision for kept in waiting if kept.at <= before)[:SWEEP_MAX]

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
        newest_first = (kept.decision for kept in reversed(self._kept.values()))
        return _intents(takewhile(lambda decision: decision.decided_at > since, newest_first))

    async def latest(self, *, symbol: str | None, approved: bool | None, limit: int) -> list[dict[str, Any]]:
        rows = [self._row(kept) for kept in self._kept.values()]
        found = [row for row in rows if symbol in (None, row["symbol"]) and approved in (None, row["approved"])]
        found.sort(key=lambda row: row["intent_id"])
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

    def _row(self, kept: _Kept) -> dict[str, Any]:
        published = kept.decision.intent is not None and kept.decision.intent_id not in self._unpublished
        return row_of(kept.decision) | {"published": published}


def _intents(decisions: Iterable[Decision]) -> list[OrderIntent]:
    """The intents of approved decisions, oldest first."""
    intents = (decision.intent for decision in decisions)
    return sorted(
        (intent for intent in intents if intent is not None), key=lambda intent: (intent.occurred_at, intent.message_id)
    )
