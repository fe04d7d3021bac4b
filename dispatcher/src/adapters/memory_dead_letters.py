"""Dead letters in memory, for the platform in one process."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from shared.src.bus.dead_letters import DeadLetter
from shared.src.domain.clock import Clock


class MemoryDeadLetters:
    """Implements ``DeadLetterStore``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, dict[str, Any]] = {}

    async def store(self, letter: DeadLetter) -> bool:
        if letter.fingerprint in self._rows:
            return False
        self._rows[letter.fingerprint] = asdict(letter) | {
            "id": len(self._rows) + 1,
            "occurred_at": self._clock.now(),
            "replayed_at": None,
        }
        return True

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        newest = list(reversed(self._rows.values()))[:limit]
        return [{name: value for name, value in row.items() if name != "fingerprint"} for row in newest]

    async def take_for_replay(self, letter_id: int) -> tuple[str, str] | None:
        for row in self._rows.values():
            if row["id"] == letter_id:
                row["replayed_at"] = self._clock.now()
                return row["source"], row["payload"]
        return None
