"""The database as services reach it, on the real one."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.errors import TransientError

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
