"""A trader with its exchange and its store in one process: nothing but memory and a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import pytest

from core.positions.model import Cycle
from shared.memory.manual_clock import ManualClock
from shared.src.bus.ports import Bus
from shared.src.config import load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.orders import CycleStatus, IntentKind, Side
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.crash_world import CrashingBus
from tests.unit.trader.fake_exchange import SYMBOL, Fuse
from tests.unit.trader.rig import LIMITS, intent
from trader.src.adapters.engine_exchange import EngineExchange
from trader.src.adapters.memory_store import MemoryStore
from trader.src.composition import compose
from trader.src.service import TraderService

ACCOUNT = "owner"
D = Decimal


async def nothing_pending(_: object) -> list[OrderIntent]:
    return []


@dataclass
class World:
    """An engine with one market, the account of a trader on it, and the trader."""

    clock: ManualClock
    engine: Engine
    exchange: EngineExchange
    store: MemoryStore
    bus: CrashingBus
    trader: TraderService

    async def offer(self, bid: str, ask: str) -> None:
        """Outsiders offer at these prices, and trade once at the bid."""
        now_ms = self.clock.now_ms()
        self.engine.set_liquidity(SYMBOL, [(D(bid), D(5))], [(D(ask), D(5))], now_ms)
        self.engine.outside_trade(SYMBOL, Side.SELL, D("0.001"), now_ms, price=D(bid), print_rest=True)
        self.exchange.announce()
        await self.quiet()

    async def quiet(self) -> None:
        """Until everything that was told has been heard and done."""
        while not self.exchange._news.empty() or self.trader.cycle_manager._workers:
            await asyncio.sleep(0)
            await self.trader.cycle_manager.idle()

    async def take(self, kind: IntentKind = IntentKind.ENTRY) -> None:
        await self.trader.on_intent(intent(1, self.clock, kind=kind))
        await self.quiet()

    @property
    def cycle(self) -> Cycle:
        (cycle,) = self.store.all_cycles()
        return cycle


@asynccontextmanager
async def one_process() -> AsyncIterator[World]:
    clock = ManualClock()
    engine = Engine()
    engine.add_symbol(MarketRules.create(SYMBOL, "BTC", "USDC", default_filters()), D(50_000))
    engine.add_account(ACCOUNT, {"USDC": D(10_000)}, D("0.001"), D("0.001"))
    exchange = EngineExchange(engine, ACCOUNT, clock)
    store = MemoryStore(clock, nothing_pending)
    bus = CrashingBus(Fuse())
    trader = compose(
        settings=load_settings(**LIMITS),
        bus=cast(Bus, bus),
        clock=clock,
        store=store,
        exchange=exchange,
        prices=exchange,
    )
    hearing = asyncio.create_task(trader.run_exchange())
    world = World(clock, engine, exchange, store, bus, trader)
    await world.offer("49999", "50000")
    yield world
    hearing.cancel()


async def test_a_position_is_bought_protected_and_sold_on_a_signal() -> None:
    async with one_process() as world:
        await world.take()
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        assert [order.purpose.value for order in await world.store.live_orders()] == ["take_profit", "stop_loss"]
        await world.offer("50499", "50500")
        await world.take(IntentKind.EXIT)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "signal")
        assert world.cycle.exit_price == 50_499
        assert world.engine.audit()["ok"]


async def test_a_position_is_sold_by_the_exchange_when_its_target_is_reached() -> None:
    async with one_process() as world:
        await world.take()
        await world.offer("60000", "60001")
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "take_profit")
        assert not await world.store.live_orders()


async def test_what_happened_is_told_to_the_bus_in_order() -> None:
    async with one_process() as world:
        await world.take()
        await world.take(IntentKind.EXIT)
        await world.trader.publisher.flush()
        states = [message.status for message in world.bus.messages[CYCLE_UPDATED.name]]
        assert (states[0], states[-1]) == (CycleStatus.INITIATING, CycleStatus.COMPLETED)
        assert [fill.side.value for fill in world.bus.messages[EXECUTION.name]] == ["BUY", "SELL"]


async def test_a_symbol_that_is_not_listed_is_refused_as_binance_refuses_it() -> None:
    async with one_process() as world:
        for asked in (world.exchange.rules("NOPE"), world.exchange.follow(["NOPE"]), world.exchange.ticker("NOPE")):
            with pytest.raises(RejectedError, match="Invalid symbol") as refused:
                await asked
            assert refused.value.code == -1121


async def test_a_market_without_offers_has_no_price() -> None:
    async with one_process() as world:
        world.engine.set_liquidity(SYMBOL, [(D(49_999), D(1))], [], world.clock.now_ms())
        assert await world.exchange.latest(SYMBOL) is None
        with pytest.raises(TransientError):
            await world.exchange.ticker(SYMBOL)
