"""Decisions in ``trading_signals``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from shared.src.contracts.topics import CONSENSUS
from shared.src.database import Database
from shared.src.sql import text
from signal_aggregator.src.adapters.rows import COLUMNS, LISTED, row_of
from signal_aggregator.src.ports import DecidedBar, Publish

FORGOTTEN_MAX: Final = 200
NAMES: Final = ", ".join(COLUMNS)
# One statement whatever the number of rows: a process that is frozen while it sends them has locked none yet.
INSERT = text(
    f"INSERT INTO trading_signals ({NAMES})"
    f" SELECT {NAMES} FROM jsonb_populate_recordset(CAST(NULL AS trading_signals), CAST(:rows AS jsonb))"
    " ON CONFLICT (symbol, timeframe, timestamp) DO NOTHING"
)
PUBLISHED = text("UPDATE trading_signals SET processed = TRUE WHERE id = ANY(:ids)")
ALREADY = text("SELECT id FROM trading_signals WHERE id = ANY(:ids) AND processed")
# younger rows are being published by whoever wrote them; rows that another replica is publishing are passed over
UNPUBLISHED = text(
    "SELECT metadata -> 'message' AS message FROM trading_signals WHERE accepted AND NOT processed"
    " AND created_at < now() - make_interval(secs => :age_s)"
    f" ORDER BY timestamp, id LIMIT {FORGOTTEN_MAX} FOR UPDATE SKIP LOCKED"
)
ONE = text("SELECT * FROM trading_signals WHERE id = :id")
RECENT = text(
    f"""
    SELECT {", ".join(LISTED)} FROM trading_signals
    WHERE (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
      AND (CAST(:accepted AS boolean) IS NULL OR accepted = :accepted)
    ORDER BY timestamp DESC, id LIMIT :limit
    """
)


class PostgresSignalStore:
    """Implements ``SignalStore``; owns ``trading_signals``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, decided: Sequence[DecidedBar]) -> frozenset[str]:
        rows = [row_of(one) for one in decided]
        accepted = [row["id"] for row in rows if row["accepted"]]
        async with self._database.autocommit() as connection:
            inserted = await connection.execute(INSERT, {"rows": orjson.dumps(rows, default=str).decode()})
            if not accepted or inserted.rowcount == len(rows):
                return frozenset()
            return frozenset((await connection.execute(ALREADY, {"ids": accepted})).scalars())

    async def mark_published(self, ids: Sequence[str]) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(PUBLISHED, {"ids": list(ids)})

    async def publish_forgotten(self, publish: Publish, *, older_than_s: float) -> None:
        async with self._database.begin() as connection:
            rows = (await connection.execute(UNPUBLISHED, {"age_s": older_than_s})).all()
            signals = [CONSENSUS.decode(orjson.dumps(row.message)) for row in rows if row.message]
            if signals:
                await publish(signals)
                await connection.execute(PUBLISHED, {"ids": [signal.message_id for signal in signals]})

    async def recent(self, *, symbol: str | None, accepted: bool | None, limit: int) -> list[dict[str, Any]]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(RECENT, {"symbol": symbol, "accepted": accepted, "limit": limit})
            return [dict(row) for row in rows.mappings()]

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(ONE, {"id": decision_id})).mappings().one_or_none()
            return dict(row) if row else None
