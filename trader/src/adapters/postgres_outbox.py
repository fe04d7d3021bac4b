"""Messages in the table trade_outbox: committed with the change they tell of, removed once the bus has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import orjson
from pydantic import BaseModel

from shared.src.contracts.topics import EXECUTION, Topic
from shared.src.database import Database, DatabaseConnection
from shared.src.sql import text
from trader.src.ports import OutboxMessage

M = TypeVar("M", bound=BaseModel)

ADD = "INSERT INTO trade_outbox (topic, message_id, payload) VALUES (:topic, :message_id, CAST(:payload AS jsonb))"
OLDEST = "SELECT id, topic, message_id, payload FROM trade_outbox ORDER BY id LIMIT :limit"
REMOVE = "DELETE FROM trade_outbox WHERE id = ANY(:ids)"
PUBLISHED = "UPDATE trade_executions SET published = TRUE WHERE id = ANY(:ids)"


class PostgresOutbox:
    """The outbox part of ``trader.src.ports.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DatabaseConnection]:
        """A transaction that may add messages: who waits for them is woken after its commit."""
        async with self._database.begin() as connection:
            yield connection
        self._changed.set()

    async def add(self, connection: DatabaseConnection, topic: Topic[M], message: M) -> None:
        row = {
            "topic": topic.name,
            "message_id": getattr(message, "message_id", ""),
            "payload": topic.encode(message).decode(),
        }
        await connection.execute(text(ADD), row)

    async def oldest(self, limit: int) -> list[OutboxMessage]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(OLDEST), {"limit": limit})
            return [OutboxMessage(row.id, row.topic, row.message_id, orjson.dumps(row.payload)) for row in rows]

    async def remove(self, messages: Sequence[OutboxMessage]) -> None:
        executions = [message.message_id for message in messages if message.topic == EXECUTION.name]
        async with self._database.begin() as connection:
            await connection.execute(text(REMOVE), {"ids": [message.id for message in messages]})
            if executions:
                await connection.execute(text(PUBLISHED), {"ids": executions})

    async def wait(self, timeout_s: float) -> None:
        """Return once something was added since the last call, or after ``timeout_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._changed.clear()
