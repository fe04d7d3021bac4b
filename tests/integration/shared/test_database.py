"""The database as services reach it, on the real one."""

from __future__ import annotations

import asyncio
import threading

import psycopg
import pytest

from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.errors import TransientError
from shared.src.sql import text

pytestmark = pytest.mark.integration

UPSERT = text("INSERT INTO held VALUES (1, :by) ON CONFLICT (key) DO UPDATE SET by = EXCLUDED.by")


async def test_a_frozen_replica_does_not_lock_its_rows_away_from_the_one_that_took_over(
    settings: Settings, database: Database
) -> None:
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE held (key INT PRIMARY KEY, by TEXT)"))
    frozen = Database.of(settings, "frozen")

    async def freeze_in_a_transaction() -> None:
        async with frozen.begin() as connection:
            await connection.execute(UPSERT, {"by": "frozen"})
            async with asyncio.timeout(60), database.begin() as other:
                await other.execute(UPSERT, {"by": "successor"})
            await connection.execute(UPSERT, {"by": "frozen, awake again"})

    try:
        with pytest.raises(TransientError, match="idle-in-transaction"):
            await freeze_in_a_transaction()
        async with frozen.begin() as connection:
            assert (await connection.execute(text("SELECT by FROM held"))).scalar_one() == "successor"
    finally:
        await frozen.close()


class Pausing(dict[str, object]):
    """Parameters that are sent only when something has happened, or after a while."""

    def __init__(self, values: dict[str, object], happened: threading.Event) -> None:
        super().__init__(values)
        self._happened = happened

    def __getitem__(self, name: str) -> object:
        self._happened.wait(20)
        return super().__getitem__(name)


async def test_who_stands_still_between_several_rows_does_not_lock_them_away(
    settings: Settings, database: Database
) -> None:
    async with database.autocommit() as connection:
        await connection.execute(text("CREATE TABLE held (key INT PRIMARY KEY, by TEXT)"))
        await connection.execute(text("INSERT INTO held VALUES (1, 'nobody'), (2, 'nobody')"))
    taken = threading.Event()

    def take_over() -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as other:
            other.execute("UPDATE held SET by = 'successor' WHERE key = 1")
        taken.set()

    async def write_two_rows() -> None:
        async with database.begin() as connection:
            rows = [{"key": 1, "by": "frozen"}, Pausing({"key": 2, "by": "frozen"}, taken)]
            successor.start()
            await connection.execute(text("UPDATE held SET by = :by WHERE key = :key"), rows)

    successor = threading.Timer(0.5, take_over)
    with pytest.raises(TransientError, match="idle-in-transaction"):
        await write_two_rows()
    await asyncio.to_thread(successor.join)
    assert taken.is_set()
    assert await database.ping()


async def _cut(database: Database, application: str) -> None:
    """End the server's side of an application's connections, as a restart of the server does."""
    async with database.autocommit() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"),
            {"name": application},
        )


async def test_a_connection_that_died_while_it_rested_is_replaced_before_it_is_used(
    settings: Settings, database: Database
) -> None:
    rested = Database(settings.database_url, application="rested", rest_s=0)
    try:
        await rested.ping()
        await _cut(database, "rested")
        assert await rested.ping()
    finally:
        await rested.close()


async def test_a_connection_that_died_in_use_fails_once_in_a_way_that_may_pass(
    settings: Settings, database: Database
) -> None:
    busy = Database(settings.database_url, application="busy", rest_s=60)
    try:
        await busy.ping()
        await _cut(database, "busy")
        with pytest.raises(TransientError, match="terminat"):
            await busy.ping()
        assert await busy.ping()
    finally:
        await busy.close()
