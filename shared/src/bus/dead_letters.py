"""A message that nobody could handle, kept with the reason until someone looks at it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

DEAD_LETTERS_MAX = 10_000  # letters that a bus keeps until the dispatcher has stored them


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``source`` is the topic, ``consumer`` the group that could not handle it, ``payload`` the message as text."""

    source: str
    consumer: str
    reason: str
    payload: str
    fingerprint: str

    @classmethod
    def of(cls, source: str, *, consumer: str, raw: bytes, reason: str) -> DeadLetter:
        """The letter of a message's bytes. Its fingerprint is the same whenever the consumer meets them again."""
        fingerprint = hashlib.sha256(f"{source}\n{consumer}\n".encode() + raw).hexdigest()
        return cls(source, consumer, reason, raw.decode("utf-8", "replace"), fingerprint)

    def encode(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def decode(cls, raw: bytes) -> DeadLetter:
        fields: dict[str, Any] = orjson.loads(raw)
        return cls(**fields)
