"""The table quarantine: what cannot be handled, one row per thing, with the reason."""

from __future__ import annotations

from datetime import datetime

from shared.src.database import Database
from shared.src.exchange.models import OddRow
from shared.src.sql import text
from trader.src.ports import SetAside

CONTENT_MAX = 4000  # characters; what is set aside may be anything

SET_ASIDE = """
INSERT INTO quarantine AS q (source, key, symbol, reason, content, since)
VALUES (:source, :key, :symbol, :reason, :content, :at)
ON CONFLICT (source, key) DO UPDATE SET symbol = excluded.symbol, reason = excluded.reason, content = excluded.content,
    since = CASE WHEN q.released_at IS NULL THEN q.since ELSE excluded.since END, released_at = NULL
"""
RELEASE = "UPDATE quarantine SET released_at = :at WHERE source = :source AND key = :key AND released_at IS NULL"
NEWEST = "SELECT * FROM quarantine ORDER BY released_at IS NOT NULL, since DESC, source, key LIMIT :limit"


class PostgresQuarantine:
    """The quarantine part of ``trader.src.ports.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_aside(self, row: OddRow, at: datetime) -> None:
        facts = {"source": row.source, "key": row.key, "symbol": row.symbol, "reason": row.reason}
        facts["content"] = row.content[:CONTENT_MAX]
        parameters = {name: _storable(value) for name, value in facts.items()} | {"at": at}
        async with self._database.autocommit() as connection:
            await connection.execute(text(SET_ASIDE), parameters)

    async def release(self, source: str, key: str, at: datetime) -> None:
        async with self._database.autocommit() as connection:
            parameters = {"source": _storable(source), "key": _storable(key), "at": at}
            await connection.execute(text(RELEASE), parameters)

    async def newest(self, limit: int) -> list[SetAside]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(NEWEST), {"limit": limit})
            return [
                SetAside(OddRow(row.source, row.key, row.reason, row.symbol, row.content), row.since, row.released_at)
                for row in rows
            ]


def _storable(value: str) -> str:
    """PostgreSQL's texts have no NUL."""
    return value.replace("\x00", "")
