"""A coordinator on a real database and bus, with funds under the test's control."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from coordinator.src.adapters.postgres_account import PostgresAccount
from coordinator.src.adapters.postgres_decisions import PostgresDecisionStore
from coordinator.src.pocket_checker import PocketChecker
from coordinator.src.signal_handler import SignalHandler
from coordinator.src.universe import Universe
from core.risk.entry_decisions import DecisionRules
from shared.memory.manual_clock import ManualClock
from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import ORDER_INTENT
from shared.src.database import Database
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import TransientError
from shared.src.redis_client import RedisBus
from shared.src.sql import text
from tests.unit.coordinator.fakes import FakeFunds, FakeRules
from tests.unit.core.risk.builders import CLOSE_MS


class DeafBus(RedisBus):
    """A bus that is away for publishing."""

    async def publish_many(self, topic: object, messages: object) -> None:
        raise TransientError("redis: away")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(from_ms(CLOSE_MS + 1000))


@pytest.fixture
def funds() -> FakeFunds:
    return FakeFunds()


@pytest.fixture
def store(database: Database) -> PostgresDecisionStore:
    return PostgresDecisionStore(database)


@pytest.fixture
async def pockets(database: Database, clock: ManualClock) -> None:
    """10 000 USDC of capital."""
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO capital_pockets (pocket, share_percent, total, updated_at) VALUES"
                " ('active', 60, 6000, :at), ('buffer', 30, 3000, :at), ('safety', 10, 1000, :at)"
            ),
            {"at": clock.now()},
        )


@pytest.fixture
async def make_handler(
    pockets: None,
    settings: Settings,
    store: PostgresDecisionStore,
    database: Database,
    funds: FakeFunds,
    clock: ManualClock,
) -> Callable[..., SignalHandler]:
    universe = Universe(FakeRules(), clock, settings.trading_symbols, quote_asset="USDC")
    await universe.refresh()

    def make(bus: Bus, **limits: Any) -> SignalHandler:
        rules = DecisionRules.of(settings)
        rules = replace(rules, limits=replace(rules.limits, **limits))
        checker = PocketChecker(PostgresAccount(database, quote_asset="USDC"), universe, clock, rules)
        return SignalHandler(store=store, funds=funds, bus=bus, clock=clock, checker=checker)

    return make


@pytest.fixture
def handler(make_handler: Callable[..., SignalHandler], bus: RedisBus) -> SignalHandler:
    return make_handler(bus)


@pytest.fixture
def deaf_bus(redis: Redis) -> DeafBus:
    return DeafBus(redis, consumer="test")


async def sent_intents(redis: Redis) -> list[OrderIntent]:
    """What stands on the topic of order intents."""
    entries: Any = await redis.xrange(ORDER_INTENT.name)
    return [ORDER_INTENT.decode(fields[b"d"]) for _, fields in entries]


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  the condition is in another process
            await asyncio.sleep(0.01)


async def write_signal(database: Database, signal: ConsensusSignal) -> None:
    """The row that signal_aggregator writes before it publishes."""
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO trading_signals (id, strategy, symbol, timeframe, side, timestamp, price, accepted,"
                " metadata) VALUES (:id, :strategy, :symbol, :timeframe, :side, :at, :price, TRUE,"
                " CAST(:metadata AS jsonb))"
            ),
            {
                "id": signal.message_id,
                "strategy": signal.strategy,
                "symbol": signal.symbol,
                "timeframe": signal.timeframe.value,
                "side": signal.side.value,
                "at": from_ms(signal.close_time),
                "price": signal.price,
                "metadata": orjson.dumps({"message": signal.model_dump(mode="json")}).decode(),
            },
        )


async def write_cycle(database: Database, symbol: str, *, intent_id: str = "int-x", status: str = "active_buy") -> None:
    """A cycle as the trader writes it, created before the bar closed."""
    at = from_ms(CLOSE_MS - 1000)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO trade_cycles (id, intent_id, symbol, strategy, status, side, quantity, entry_price,"
                " demo, created_at, updated_at) VALUES (:id, :intent, :symbol, 'test',"
                " :status, 'BUY', 0.01, 50000, TRUE, :at, :at)"
            ),
            {
                "id": f"cy-{intent_id}",
                "intent": intent_id,
                "symbol": symbol,
                "status": status,
                "at": at,
            },
        )
