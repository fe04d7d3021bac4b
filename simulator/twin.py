"""The twin put together: exchange, clock, market, streams, faults and keys of one running instance, and its reset.

One ``TwinState`` object lives as long as the process, since the API holds on to it; a reset replaces what is in it.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from simulator.api.auth import ApiKey
from simulator.api.faults.rules import Faults
from simulator.api.market_data import StoredMarketData
from simulator.api.rest.sapi import advance_algos
from simulator.api.state import TwinState
from simulator.api.streams.hub import Hub
from simulator.api.streams.sockets import ConnectionLimits
from simulator.api.streams.user_stream import UserStreams
from simulator.control.fault_actions import FaultActions
from simulator.control.operations import Operations
from simulator.fixture import AccountConfig, Fixture
from simulator.floor import AccountNews, TradingFloor
from simulator.market.clock import ClockMode
from simulator.market.driver import Driver
from simulator.market.mirror import MirrorDriver, MirrorSource
from simulator.world import World

PULSE_S = 0.1
SHOWN_LEVELS = 10


class Twin:
    """Everything of one instance: build it, ``await start()``, and ``await stop()`` at the end.

    ``world`` and ``resume_ms`` come from a saved state.
    """

    def __init__(self, fixture: Fixture, *, world: World | None = None, resume_ms: int | None = None) -> None:
        self.faults = Faults(fixture.seed)
        self.hub = Hub(self.faults)
        self.connection_limits = ConnectionLimits()
        self._tasks: list[asyncio.Task[None]] = []
        self.changes = 0
        self._enter(world or World(fixture))
        self.users = UserStreams(self.faults, self._now_ms)
        self.state = TwinState(
            self.exchange,
            self.clock,
            StoredMarketData(self.candles, self.horizon),
            keys=self.world.keys,
            limits=self.world.limits,
            fault=self.faults.request,
            flush=self.flush,
            sors=_sors(self.world.fixture),
        )
        self.operations = Operations(self)
        self.faults.act = FaultActions(self, self.operations).act
        if resume_ms is None:
            self.driver.open()
        else:
            self.driver.resume(resume_ms)

    def _now_ms(self) -> int:
        """Server time; the clock itself is another one after a reset."""
        return self.clock.now_ms()

    def horizon(self) -> int:
        """Market time (ms) up to which the market has been played."""
        return self.floor.horizon()

    def _enter(self, world: World) -> None:
        """Make a world the one that is shown."""
        self.world = world
        self.exchange, self.clock, self.candles = world.exchange, world.clock, world.candles
        self.floor = TradingFloor(
            world.exchange,
            world.clock,
            world.candles,
            self.hub,
            on_account=self._on_account,
            monotonic=time.monotonic,
        )
        self.driver = self._driver(world)
        self.floor.due = self.driver.due
        limits = world.fixture.limits
        self.connection_limits.attempts_5m = limits.connections_5m
        self.connection_limits.life_s = limits.connection_life_s
        self.connection_limits.ping_interval_s = limits.ping_interval_s
        self.connection_limits.pong_timeout_s = limits.pong_timeout_s
        self.connection_limits.outbox_messages = limits.outbox_messages

    def _driver(self, world: World) -> Driver | MirrorDriver:
        if isinstance(world.source, MirrorSource):
            return MirrorDriver(world.source, self.floor, world.clock)
        profiles = world.profiles if world.has_outside else {}
        return Driver(world.source, profiles, self.floor, world.clock, world.fixture.seed)

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Let the market move and the streams flow."""
        self._tasks = [asyncio.create_task(self._beat(), name="twin pulse")]
        if self.clock.mode != ClockMode.STEPPED:
            self._tasks.append(asyncio.create_task(self.driver.run(), name="twin market"))

    async def stop(self) -> None:
        """Stop the market; connections are the server's to close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            self._work_due()
            self.floor.feed.pulse()

    def _work_due(self) -> None:
        """Work the slices of TWAP orders that are due, and end what is delisted by now."""
        self.operations.delist_due()
        if self.state.algos:
            advance_algos(self.state, self.clock.now_ms())
            self.flush()

    def check(self) -> None:
        """Raise what ended the market or the pulse, if anything did."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def reset(self, fixture: Fixture) -> None:
        """Start over. Market stream connections stay; user data subscriptions end."""
        world = await asyncio.to_thread(World, fixture)
        running = bool(self._tasks)
        await self.stop()
        self.faults.forget()
        for connection in self.users.connections():
            self.users.unsubscribe(connection)
        self._enter(world)
        self.state.exchange, self.state.clock = world.exchange, world.clock
        self.state.market = StoredMarketData(world.candles, self.horizon)
        self.state.keys, self.state.limits = world.keys, world.limits
        self.state.sors = _sors(fixture)
        self.state.algos.clear()
        self.state.transfers.clear()
        self.state.delistings.clear()
        self.users.revoke()
        self.changes += 1
        self.driver.open()
        if running:
            await self.start()

    @property
    def keys(self) -> Mapping[str, ApiKey]:
        """Every account's key, by its public half."""
        return self.world.keys

    @property
    def market_kind(self) -> str:
        """Where the market comes from, as the fixture says it."""
        return self.world.fixture.market.kind

    def open_account(self, config: AccountConfig) -> ApiKey:
        """Raises ValueError when the name is taken."""
        key = self.world.open_account(config)
        self.changes += 1
        return key

    def flush(self) -> None:
        """Hand out what a request caused."""
        self.changes += 1
        self.floor.flush()

    def _on_account(self, event: AccountNews) -> None:
        self.changes += 1
        self.users.publish(event.account, event)

    async def advance(self, step_ms: int) -> None:
        """Move a stepped clock, playing the market on the way. Raises ValueError for another clock."""
        if self.clock.mode != ClockMode.STEPPED:
            raise ValueError("only a stepped clock can be advanced")
        await self.driver.advance(step_ms)
        self.exchange.tick(self.clock.now_ms())
        self._work_due()
        self.changes += 1
        self.floor.arrive()


def _sors(fixture: Fixture) -> list[dict[str, Any]]:
    """Smart order routing as exchangeInfo lists it."""
    return [{"baseAsset": sor.base, "symbols": list(sor.symbols)} for sor in fixture.sors]
