"""Keeps the matching engine of paper trading in PostgreSQL: one row for each thing in it, only what changed is written.

A row of ``paper_records`` is a record of ``simulator.engine.records``. All of a change is one transaction. Orders and
trades that the engine no longer remembers stay in the table.
"""

from __future__ import annotations

import orjson

from shared.src.database import Database, DatabaseConnection
from shared.src.domain.errors import ConfigurationError
from shared.src.sql import text
from simulator.engine.accounts import HISTORY
from simulator.engine.exchange import Engine
from simulator.engine.records import LIST, ORDER, Batch, Document, Record, RecordError
from simulator.engine.restore import restore

_SAVE = (
    "INSERT INTO paper_records (account, kind, key, is_live, document) "
    "VALUES (:account, :kind, :key, :is_live, CAST(:document AS jsonb)) "
    "ON CONFLICT (account, kind, key) DO UPDATE SET is_live = excluded.is_live, document = excluded.document, "
    "saved_at = now()"
)
_LIVE = "SELECT kind, document FROM paper_records WHERE account = :account AND is_live"
_KINDS = "SELECT DISTINCT kind FROM paper_records WHERE account = :account AND NOT is_live"
_HISTORY = (
    "SELECT document FROM paper_records WHERE account = :account AND kind = :kind AND NOT is_live "
    "ORDER BY id DESC LIMIT :limit"
)
_BY_KEY = "SELECT key, document FROM paper_records WHERE account = :account AND kind = :kind AND key = ANY(:keys)"


class PostgresPaperState:
    """The rows of one account name; an engine loads at most ``history`` rows of what is done."""

    def __init__(self, database: Database, name: str, *, history: int = HISTORY) -> None:
        self._database = database
        self._name = name
        self._history = history

    async def load(self) -> Engine | None:
        """The engine as it was saved; None for a new account.

        Raises:
            ConfigurationError: what is stored is not an engine that this version reads.
        """
        async with self._database.begin() as connection:
            rows = await self._rows(connection)
        if not rows:
            return None
        try:
            return restore(rows)
        except RecordError as error:
            raise ConfigurationError(
                f"paper account {self._name}: {error}. Use the version that wrote it, or start with a new account: "
                f"DELETE FROM paper_records WHERE account = '{self._name}'"
            ) from error

    async def _rows(self, connection: DatabaseConnection) -> list[tuple[str, Document]]:
        name = {"account": self._name}
        rows: list[tuple[str, Document]] = [
            (row.kind, row.document) for row in await connection.execute(text(_LIVE), name)
        ]
        # An open list needs its orders that are done, however old they are.
        needed = {str(order_id) for kind, document in rows if kind == LIST for order_id in document["order_ids"]}
        found: dict[str, Document] = {}
        for kind in (await connection.execute(text(_KINDS), name)).scalars().all():
            limited = name | {"kind": kind, "limit": self._history}
            documents = (await connection.execute(text(_HISTORY), limited)).scalars().all()
            if kind == ORDER:
                found |= {str(document["order_id"]): document for document in documents}
            else:
                rows += [(kind, document) for document in documents]
        open_ids = {str(document["order_id"]) for kind, document in rows if kind == ORDER}
        if missing := needed - open_ids - set(found):
            result = await connection.execute(text(_BY_KEY), name | {"kind": ORDER, "keys": sorted(missing)})
            found |= {row.key: row.document for row in result}
        return rows + [(ORDER, document) for document in found.values()]

    async def save(self, batch: Batch) -> None:
        """Write records in one transaction; what was forgotten stays.

        Raises:
            TransientError: the database is away; nothing was written, or it is not known whether it was.
        """
        if not batch.records:
            return
        async with self._database.begin() as connection:
            await connection.execute(text(_SAVE), [self._row(record) for record in batch.records.values()])

    def _row(self, record: Record) -> dict[str, object]:
        return {
            "account": self._name,
            "kind": record.kind,
            "key": record.key,
            "is_live": record.is_live,
            "document": orjson.dumps(record.document).decode(),
        }
