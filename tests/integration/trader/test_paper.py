"""Paper trading in process: live prices, the engine's matching, an account that survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from shared.src.bus.redis_last_values import RedisLastValues
from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.market import MarketTick
from shared.src.contracts.topics import KAFKA_TICK, ORDER_INTENT, TICK_KEY, tick_channel
from shared.src.database import Database
from shared.src.redis_client import RedisBus, redis_from
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import PATIENCE_S, Running, ended, entry
from trader.src.adapters.paper import PaperExchange
from trader.src.adapters.postgres_store import PostgresStore
from trader.src.adapters.tick_prices import TickPrices
from trader.src.composition import compose

pytestmark = pytest.mark.integration


@pytest.fixture
def paper_settings(make_settings: Callable[..., Settings], twin: RunningTwin) -> Settings:
    """Market data from the twin's address, no twin to trade on."""
    return make_settings(
        binance_rest_url=twin.rest, trading_symbols="BTCUSDC", max_exposure_percent="50", max_position_size="2000"
    )


async def tick(redis: Redis, bid: str, ask: str, symbol: str = "BTCUSDC") -> None:
    clock = SystemClock()
    message = MarketTick(
        message_id=f"t-{bid}",
        occurred_at=clock.now(),
        symbol=symbol,
        bid=Decimal(bid),
        bid_quantity=Decimal("0.5"),
        ask=Decimal(ask),
        ask_quantity=Decimal("0.5"),
        update_id=1,
    )
    raw = KAFKA_TICK.encode(message)
    await redis.set(TICK_KEY.format(symbol=symbol), raw)
    await redis.publish(tick_channel(symbol), raw)


async def told(running: Running, bid: str, ask: str, symbol: str = "BTCUSDC") -> None:
    """A price, sent until it was heard: notices to nobody are lost."""
    async with asyncio.timeout(PATIENCE_S):
        while (await running.trader.exchange.ticker(symbol)).bid != Decimal(bid):
            await tick(running.redis, bid, ask, symbol)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def paper_trader(settings: Settings, twin: RunningTwin) -> AsyncIterator[Running]:
    clock = SystemClock()
    database, redis = Database.of(settings, "trader"), redis_from(settings)
    exchange = PaperExchange(settings, clock, database, redis=redis, notices=RedisBus(redis, consumer="paper"))
    await exchange.prepare()
    store = PostgresStore(database, clock, demo=True)
    bus = RedisBus(redis, consumer="trader")
    prices = TickPrices(RedisLastValues(redis), exchange, clock)
    trader = compose(settings=settings, bus=bus, clock=clock, store=store, exchange=exchange, prices=prices)
    tasks = [asyncio.ensure_future(task()) for task in trader.tasks().values()]
    running = Running(trader, database, redis, twin)
    try:
        yield running
        for task in tasks:
            assert not task.done(), task
    finally:
        await ended(tasks)
        await trader.stop()
        await redis.aclose()
        await database.close()


async def test_paper_positions_are_bought_protected_and_sold_and_survive_a_restart(
    paper_settings: Settings, twin: RunningTwin, redis: Redis
) -> None:
    async with paper_trader(paper_settings, twin) as running:
        await told(running, "49999.00", "50000.00")
        await running.trader.bus.publish(ORDER_INTENT, entry())
        cycle = (await running.until("SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL"))[0]
        assert cycle["entry_price"] == 50000
        assert await running.trader.exchange.ping()
        held = await running.exchange_holds("BTC")
        assert held == Decimal("0.01998")
    async with paper_trader(paper_settings, twin) as running:
        assert await running.exchange_holds("BTC") == held
        await told(running, "50000.00", "50001.00")
        await told(running, "52100.00", "52101.00")
        ended = (await running.until("SELECT * FROM trade_cycles WHERE completed_at IS NOT NULL"))[0]
        assert (ended["status"], ended["exit_reason"]) == ("completed", "take_profit")
        assert ended["exit_price"] == 52000
        assert await running.exchange_holds("BTC") == 0
        expected = Decimal(10_000) - 1000 + Decimal("0.01998") * 52000 * Decimal("0.999")
        assert await running.exchange_holds("USDC") == expected


async def test_a_symbol_chosen_while_running_is_bought_at_its_live_price(
    paper_settings: Settings, twin: RunningTwin, redis: Redis
) -> None:
    async with paper_trader(paper_settings, twin) as running:
        await running.trader.set_symbols(("BTCUSDC", "ETHUSDC"))
        await told(running, "2999.00", "3000.00", "ETHUSDC")
        intent = entry(
            symbol="ETHUSDC",
            quantity=Decimal("0.3"),
            reference_price=Decimal(3000),
            stop_loss=Decimal(2900),
            take_profit=Decimal(3200),
            reserved=Decimal(900),
        )
        await running.trader.bus.publish(ORDER_INTENT, intent)
        cycle = (await running.until("SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL"))[0]
        assert (cycle["symbol"], cycle["entry_price"]) == ("ETHUSDC", 3000)
    async with paper_trader(paper_settings, twin) as running:
        assert await running.exchange_holds("ETH") > 0
