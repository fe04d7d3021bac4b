"""Whose features a row holds when two replicas had the same candle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from market_analyzer.src.adapters.postgres_features import PostgresFeatureStore
from shared.src.bus.leases import Fence, Lease
from shared.src.config import Settings
from shared.src.database import SESSION, Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import LeaseLostError
from shared.src.domain.features import BarFeatures
from shared.src.redis_client import RedisBus
from shared.src.sql import text

pytestmark = pytest.mark.integration

LEASES, STREAM, TOKEN = "test:leases", "test:stream", "frozen/1"
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO ana%'")


def row(rsi: float) -> BarFeatures:
    return BarFeatures("BTCUSDC", Timeframe.M1, 0, {"rsi_14": rsi})


@pytest.fixture
async def fenced(redis: Redis) -> Redis:
    """This task handles a message under a lease that Redis has."""
    await redis.hset(LEASES, STREAM, TOKEN)
    return redis


@pytest.fixture
def fence() -> Fence:
    return Fence(LEASES, (Lease(STREAM, TOKEN, b"0-0"),))


@pytest.fixture
async def successor(settings: Settings) -> AsyncIterator[PostgresFeatureStore]:
    """The replica that has the candle next; it works under a lease of its own."""
    database = Database.of(settings, "successor")
    yield await PostgresFeatureStore.open(database)
    await database.close()


async def confirmed() -> None:
    """Nobody took the successor's lease."""


async def value(database: Database) -> float:
    async with database.begin() as connection:
        return float((await connection.execute(text("SELECT rsi_14 FROM analyzer_data"))).scalar_one())


async def test_a_replica_that_wakes_up_after_its_lease_went_stores_nothing(
    database: Database, fenced: Redis, bus: RedisBus, fence: Fence, successor: PostgresFeatureStore
) -> None:
    frozen = await PostgresFeatureStore.open(database)

    async def confirm() -> None:
        await bus.confirm(fence)

    await frozen.store([row(1.0)], confirm)
    assert await value(database) == 1.0
    await fenced.hset(LEASES, STREAM, "successor/1")
    await successor.store([row(2.0)], confirmed)
    with pytest.raises(LeaseLostError):
        await frozen.store([row(1.0)], confirm)
    assert await value(database) == 2.0


async def test_a_replica_that_loses_its_lease_while_it_commits_is_followed_not_overtaken(
    settings: Settings,
    database: Database,
    fenced: Redis,
    bus: RedisBus,
    fence: Fence,
    successor: PostgresFeatureStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    following: list[asyncio.Task[Any]] = []
    # its own transaction is not what ends first here
    monkeypatch.setitem(SESSION, "idle_in_transaction_session_timeout", 60_000)
    patient = Database.of(settings, "patient")

    async def confirm_and_freeze() -> None:
        await bus.confirm(fence)
        await fenced.hset(LEASES, STREAM, "successor/1")
        following.append(asyncio.create_task(successor.store([row(2.0)], confirmed)))
        async with asyncio.timeout(60):
            while not await waiting():  # noqa: ASYNC110 - the database does not call back
                await asyncio.sleep(0.01)

    async def waiting() -> int:
        async with database.begin() as connection:
            return int((await connection.execute(WAITING)).scalar_one())

    try:
        await (await PostgresFeatureStore.open(patient)).store([row(1.0)], confirm_and_freeze)
    finally:
        await patient.close()
    await asyncio.gather(*following)
    assert await value(database) == 2.0
