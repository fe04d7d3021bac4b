"""The portfolio on a real database and a real bus, with an account and a trader under the test's control."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from core.statistics.periods import Period, PeriodKey
from portfolio.src.adapters.postgres_account import PostgresAccountRecords
from portfolio.src.adapters.postgres_capital import PostgresCapital
from portfolio.src.adapters.postgres_cycle_values import PostgresCycleValues
from portfolio.src.adapters.postgres_performance import PostgresPerformance
from portfolio.src.composition import Portfolio, compose
from portfolio.src.prices import LastPrices
from shared.memory.manual_clock import ManualClock
from shared.src.bus.redis_last_values import RedisLastValues
from shared.src.config import load_settings
from shared.src.database import Database
from shared.src.market.last_closes import closes_at, last_closes
from shared.src.redis_client import RedisBus
from shared.src.sql import text
from tests.behaviour.portfolio.fixtures import account, books, clock, manager
from tests.behaviour.portfolio.world import SHARES, FakeAccount, Row, World
from tests.integration.portfolio.builders import TraderRows

__all__ = ["account", "books", "clock", "manager"]


class PostgresWorld(World):
    def __init__(self, database: Database) -> None:
        super().__init__(PostgresCapital(database))
        self._database = database

    async def kinds(self) -> list[str]:
        async with self._database.begin() as connection:
            rows = await connection.execute(text("SELECT kind FROM ledger_postings WHERE kind <> 'opening' ORDER BY 1"))
            return [row.kind for row in rows]

    async def age_leases(self) -> None:
        async with self._database.begin() as connection:
            await connection.execute(text("UPDATE pocket_reservations SET expires_at = now() - INTERVAL '1 second'"))


class PostgresRecords:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.records = PostgresAccountRecords(database)
        self.results = PostgresPerformance(database)
        self.cycle_values = PostgresCycleValues(database)

    async def _rows(self, statement: str) -> list[Any]:
        async with self._database.begin() as connection:
            return list((await connection.execute(text(statement))).all())

    async def wallets(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {row.asset: (row.free, row.locked) for row in await self._rows("SELECT * FROM wallets")}

    async def values(self) -> list[tuple[datetime, Decimal]]:
        query = "SELECT time, sum(value_usdc) AS value FROM portfolio_balances GROUP BY time ORDER BY time"
        return [(row.time, row.value) for row in await self._rows(query)]

    async def points(self) -> list[Row]:
        rows = await self._rows("SELECT equity, flow, return_index FROM equity_points ORDER BY time")
        return [(row.equity, row.flow, row.return_index) for row in rows]

    async def rows(self) -> dict[PeriodKey, Row]:
        return {
            PeriodKey(Period(row.period), row.period_start, row.strategy, row.symbol): (
                row.trades,
                row.wins,
                row.profit_loss,
                row.volume,
                row.best,
                row.worst,
            )
            for row in await self._rows("SELECT * FROM performance_stats")
        }


@pytest.fixture
def records_world(database: Database) -> PostgresRecords:
    return PostgresRecords(database)


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> PostgresWorld:
    world = PostgresWorld(database)
    await world.store.found(SHARES, clock.now())
    return world


@pytest.fixture
def portfolio(
    world: PostgresWorld, account: FakeAccount, database: Database, redis: Redis, bus: RedisBus, clock: ManualClock
) -> Portfolio:
    return compose(
        settings=load_settings(symbols="BTCUSDC"),
        bus=bus,
        clock=clock,
        store=world.store,
        records=PostgresAccountRecords(database),
        values=RedisLastValues(redis),
        results=PostgresPerformance(database),
        cycle_values=PostgresCycleValues(database),
        exchange=account,
        prices=LastPrices(
            RedisLastValues(redis),
            partial(last_closes, database),
            quote_asset="USDC",
            clock=clock,
            closes_at=partial(closes_at, database),
        ),
    )


@pytest.fixture
def trader(database: Database, clock: ManualClock) -> TraderRows:
    clock.advance(1)
    return TraderRows(database, clock.now())
