"""A trader on real PostgreSQL and Redis, trading against a twin in which nothing moves by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from shared.src.bus.redis_last_values import RedisLastValues
from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.orders import OrderIntent
from shared.src.database import Database
from shared.src.domain.orders import IntentKind, Side
from shared.src.redis_client import RedisBus, redis_from
from shared.src.sql import text
from tests.integration.simulator.conftest import RunningTwin, running_twin
from trader.src.adapters.postgres_store import PostgresStore
from trader.src.adapters.tick_prices import TickPrices
from trader.src.binance_executor import BinanceExecutor
from trader.src.composition import compose
from trader.src.service import TraderService

STILL: dict[str, Any] = {
    "seed": 7,
    "clock": {"mode": "real"},
    "market": {"kind": "still"},
    "symbols": [
        {
            "symbol": "BTCUSDC",
            "base": "BTC",
            "quote": "USDC",
            "last_price": "50000.00",
            "bids": [["49995.00", "1"], ["49990.00", "2"]],
            "asks": [["50000.00", "1"], ["50010.00", "2"]],
        },
        {
            "symbol": "ETHUSDC",
            "base": "ETH",
            "quote": "USDC",
            "last_price": "3000.00",
            "bids": [["2999.50", "10"]],
            "asks": [["3000.00", "10"]],
        },
    ],
    "accounts": [{"name": "demo", "balances": {"USDC": "10000"}}],
}
TOKEN = "a-long-enough-token-for-tests"
PATIENCE_S = 60
Wait = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


@pytest.fixture(scope="module")
def twin_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("twin"), fixture=STILL) as twin:
        yield twin


@pytest.fixture
def twin(twin_process: RunningTwin) -> RunningTwin:
    twin_process.reset(STILL)
    return twin_process


@pytest.fixture
def trader_settings(make_settings: Callable[..., Settings], twin: RunningTwin) -> Settings:
    return make_settings(
        simulator_url=twin.rest,
        binance_api_key=twin.key,
        binance_secret_key=twin.secret,
        trading_symbols="BTCUSDC,ETHUSDC",
        max_exposure_percent="50",
        max_position_size="2000",
        api_token=TOKEN,
        trader_port="1",
    )


@pytest.fixture
def flushed(settings: Settings) -> Iterator[BlockingRedis]:
    client = BlockingRedis(
        host=settings.redis_host,
        port=settings.redis_port,
        password=settings.redis_password.get_secret_value() or None,
    )
    client.flushdb()
    yield client
    client.close()


@dataclass
class Running:
    """A trader at work, with eyes on its database and the exchange."""

    trader: TraderService
    database: Database
    redis: Redis
    twin: RunningTwin

    async def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        async with self.database.begin() as connection:
            result = await connection.execute(text(sql), parameters)
            return [dict(row) for row in result.mappings()]

    async def row(self, sql: str, **parameters: Any) -> dict[str, Any]:
        rows = await self.rows(sql, **parameters)
        assert len(rows) == 1, rows
        return rows[0]

    async def until(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Wait until a query finds something."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if rows := await self.rows(sql, **parameters):
                    return rows
                await asyncio.sleep(0.02)

    def liquidity(self, symbol: str, bid: str, ask: str, quantity: str = "5") -> None:
        body = {"symbol": symbol, "bids": [[bid, quantity]], "asks": [[ask, quantity]]}
        self.twin.do("POST", "/liquidity", body)

    def trade(self, symbol: str, side: str, quantity: str) -> None:
        self.twin.do("POST", "/trades", {"symbol": symbol, "side": side, "quantity": quantity})

    async def exchange_holds(self, asset: str) -> Decimal:
        account = await self.trader.exchange.account()
        held = account.balances.get(asset)
        return held.total if held else Decimal(0)


async def ended(tasks: Iterable[asyncio.Future[None]]) -> None:
    """Cancel tasks until they have ended: a library may swallow one cancellation."""
    alive = set(tasks)
    while alive:
        for task in alive:
            task.cancel()
        _, alive = await asyncio.wait(alive, timeout=1)


@asynccontextmanager
async def running_trader(settings: Settings, twin: RunningTwin) -> AsyncIterator[Running]:
    """The trader in this process."""
    clock = SystemClock()
    database = Database.of(settings, "trader")
    redis = redis_from(settings)
    bus = RedisBus(redis, consumer="trader")
    exchange = BinanceExecutor(settings, clock, redis=redis)
    await exchange.prepare()
    store = PostgresStore(database, clock, demo=True)
    prices = TickPrices(RedisLastValues(redis), exchange, clock)
    trader = compose(settings=settings, bus=bus, clock=clock, store=store, exchange=exchange, prices=prices)
    tasks = [asyncio.ensure_future(task()) for task in trader.tasks().values()]
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not trader.reconciler.runs:  # noqa: ASYNC110  the reconciler has no event of its own
                await asyncio.sleep(0.01)
        yield Running(trader, database, redis, twin)
        for task in tasks:
            assert not task.done(), task
    finally:
        await ended(tasks)
        await trader.stop()
        await redis.aclose()
        await database.close()


@pytest.fixture
async def running(trader_settings: Settings, twin: RunningTwin, redis: Redis) -> AsyncIterator[Running]:
    async with running_trader(trader_settings, twin) as at_work:
        yield at_work


def entry(intent_id: str = "intent-1", **changes: Any) -> OrderIntent:
    """An approved decision to buy 0.02 BTC."""
    clock = SystemClock()
    facts: dict[str, Any] = {
        "message_id": intent_id,
        "occurred_at": clock.now(),
        "correlation_id": "c-1",
        "symbol": "BTCUSDC",
        "kind": IntentKind.ENTRY,
        "side": Side.BUY,
        "quantity": Decimal("0.02"),
        "reference_price": Decimal("50000"),
        "reserved": Decimal("1010"),
        "stop_loss": Decimal("49000"),
        "take_profit": Decimal("52000"),
        "strategy": "EMA_Cross",
        "decided_on": clock.now_ms(),
    }
    return OrderIntent(**(facts | changes))


def way_out(intent_id: str = "exit-1", **changes: Any) -> OrderIntent:
    """An approved decision to sell what is held."""
    return entry(intent_id, kind=IntentKind.EXIT, side=Side.SELL, quantity=None, reserved=Decimal(0), **changes)
