"""How the dashboard reads tables of the other services: one statement, read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from shared.src.database import Database
from shared.src.sql import text
from visualization.src.adapters.rows import Row


class Fetch(Protocol):
    async def __call__(self, sql: str, **values: Any) -> Sequence[Row]:
        """Rows of a statement.

        Raises:
            TransientError: the database is away.
        """
        ...


def fetching(database: Database) -> Fetch:
    """Statements on this database."""

    async def fetch(sql: str, **values: Any) -> Sequence[Row]:
        async with database.autocommit() as connection:
            result = await connection.execute(text(sql), values)
            return [dict(row) for row in result.mappings()]

    return fetch
