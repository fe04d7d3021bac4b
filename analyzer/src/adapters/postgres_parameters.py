"""Parameters in ``strategy_parameters``.

Invariant: a row was within the bounds of its strategy when it was written. The newest row of a strategy counts; it
holds only what differs from the environment and the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from analyzer.src.parameters import AUTHOR_CHARACTERS_MAX, merged
from analyzer.src.ports import Overrides
from analyzer.src.strategy_loader import LoadedStrategy
from shared.src.database import Database
from shared.src.sql import text

NEWEST = text("SELECT DISTINCT ON (strategy) strategy, parameters FROM strategy_parameters ORDER BY strategy, id DESC")
VERSION = text("SELECT coalesce(max(id), 0) FROM strategy_parameters")
# one writer at a time, so that two changes of different options both count
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('strategy_parameters:' || :strategy))")
OF_ONE = text("SELECT parameters FROM strategy_parameters WHERE strategy = :strategy ORDER BY id DESC LIMIT 1")
INSERT = text(
    "INSERT INTO strategy_parameters (strategy, parameters, author)"
    " VALUES (:strategy, CAST(:parameters AS jsonb), :author)"
)
HISTORY = text(
    "SELECT parameters, author, changed_at FROM strategy_parameters WHERE strategy = :strategy"
    " ORDER BY id DESC LIMIT :limit"
)


class PostgresParameterStore:
    """Implements ``ParameterStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> Overrides:
        async with self._database.begin() as connection:
            rows = await connection.execute(NEWEST)
            return {row.strategy: dict(row.parameters) for row in rows if row.parameters}

    async def version(self) -> int:
        async with self._database.begin() as connection:
            return int((await connection.execute(VERSION)).scalar_one())

    async def change(
        self, strategy: LoadedStrategy, changes: Mapping[str, float | None], *, author: str
    ) -> dict[str, float]:
        async with self._database.begin() as connection:
            await connection.execute(LOCK, {"strategy": strategy.name})
            before = (await connection.execute(OF_ONE, {"strategy": strategy.name})).scalar_one_or_none() or {}
            after = merged(strategy, before, changes)
            row = {"strategy": strategy.name, "parameters": orjson.dumps(after).decode()}
            await connection.execute(INSERT, row | {"author": author[:AUTHOR_CHARACTERS_MAX]})
        return after

    async def history(self, strategy: str, limit: int = 20) -> Sequence[dict[str, Any]]:
        async with self._database.begin() as connection:
            rows = await connection.execute(HISTORY, {"strategy": strategy, "limit": limit})
            return [dict(row) for row in rows.mappings()]
