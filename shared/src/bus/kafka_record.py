"""What is read from the log of market data, without the client that reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One consumed record; ``offset`` counts the records of its partition from 0."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
