"""What the signal aggregator needs of the world beside a bus: a place for its decisions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.consensus.bar_decision import BarDecision
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes

Publish = Callable[[list[ConsensusSignal]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DecidedBar:
    """A decision with the votes it was made of, and the message that carries it when it was accepted."""

    decision: BarDecision
    votes: StrategyVotes
    signal: ConsensusSignal | None


class SignalStore(Protocol):
    """Decisions, one for each symbol, time frame and bar: the first counts. All raise TransientError."""

    async def add(self, decided: Sequence[DecidedBar]) -> frozenset[str]:
        """Keep what is new, all or none. Returns which of the accepted ones are marked as published already."""
        ...

    async def mark_published(self, ids: Sequence[str]) -> None:
        """These decisions are out."""
        ...

    async def publish_forgotten(self, publish: Publish, *, older_than_s: float) -> None:
        """Call ``publish`` with accepted decisions that were kept so long ago and are not marked as published, oldest
        first, if there are any; mark them when it returns. No two processes call it with the same at one time.
        """
        ...

    async def recent(self, *, symbol: str | None, accepted: bool | None, limit: int) -> list[dict[str, Any]]:
        """The newest decisions first, as rows of ``trading_signals`` without votes; None asks for all."""
        ...

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        """The whole row of a decision; None when there is none of that id."""
        ...
