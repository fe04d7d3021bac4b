"""Dead letters in the table of that name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from shared.src.bus.dead_letters import DeadLetter
from shared.src.database import Database
from shared.src.sql import text

INSERT = text(
    "INSERT INTO dead_letters (source, consumer, reason, payload, fingerprint)"
    " VALUES (:source, :consumer, :reason, :payload, :fingerprint) ON CONFLICT (fingerprint) DO NOTHING"
)
RECENT = text(
    "SELECT id, source, consumer, reason, payload, occurred_at, replayed_at FROM dead_letters"
    " ORDER BY id DESC LIMIT :limit"
)
REPLAYED = text("UPDATE dead_letters SET replayed_at = now() WHERE id = :id RETURNING source, payload")


class PostgresDeadLetters:
    """Implements ``DeadLetterStore``; owns ``dead_letters``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, letter: DeadLetter) -> bool:
        async with self._database.autocommit() as connection:
            return (await connection.execute(INSERT, asdict(letter))).rowcount > 0

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(RECENT, {"limit": limit})
            return [dict(row) for row in rows.mappings()]

    async def take_for_replay(self, letter_id: int) -> tuple[str, str] | None:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(REPLAYED, {"id": letter_id})).one_or_none()
            return (row.source, row.payload) if row else None
