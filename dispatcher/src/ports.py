"""What the dispatcher needs of the world beside a bus and the stored candles: Kafka, and a place for dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from shared.src.bus.dead_letters import DeadLetter
from shared.src.bus.kafka_record import KafkaRecord


class MarketRecords(Protocol):
    """The records of market data, each until it is committed. All raise TransientError."""

    async def poll(self) -> Sequence[KafkaRecord]:
        """What came, in order per symbol; empty after a moment without any."""
        ...

    async def commit(self, records: Sequence[KafkaRecord]) -> None:
        """These records are done: they do not come again."""
        ...

    async def pause(self) -> None:
        """Fetch nothing until ``resume``."""
        ...

    async def resume(self) -> None: ...

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Consume exactly these topics from now on."""
        ...

    async def lag(self) -> dict[str, int]:
        """How many records wait, by topic."""
        ...


class EventLog(Protocol):
    """Where every decision and execution is kept for replay. All raise TransientError: nothing is known to be kept."""

    async def send(self, topic: str, *, key: str, value: bytes) -> None: ...

    async def send_many(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Several records (key, value) in order."""
        ...


class DeadLetterStore(Protocol):
    """Dead letters, each once by its fingerprint. All raise TransientError."""

    async def store(self, letter: DeadLetter) -> bool:
        """Keep a letter; False when it is kept already."""
        ...

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        """The last letters, newest first."""
        ...

    async def take_for_replay(self, letter_id: int) -> tuple[str, str] | None:
        """Mark a letter as replayed; returns (topic, payload), or None when there is none of that id."""
        ...
