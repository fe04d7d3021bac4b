"""What the gateway does by itself as time passes, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import orjson

from gateway.src.adapters.memory_socket import MemorySocket
from gateway.src.service import LIVE_EVERY_S, GatewayService
from gateway.src.stream_watch import LATE_S
from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import run_simulated
from shared.src.contracts.market import MarketTick
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe
from shared.src.domain.clock import from_ms
from tests.unit.gateway.rig import KeptMessages, ListedExchange, gateway_on
from tests.unit.gateway.test_service import SYMBOL, tick

START_MS = 1_760_000_040_000 // MINUTE_MS * MINUTE_MS
Body = Callable[[SimulatedClock, GatewayService, KeptMessages], Awaitable[None]]


def minute(number: int) -> Candle:
    """A minute that began so many minutes after the start."""
    price = Decimal(100)
    opened = START_MS + number * MINUTE_MS
    return Candle(SYMBOL, Timeframe.M1, opened, price, price + 1, price - 1, price, Decimal(1))


def simulated(body: Body, *, exchange: ListedExchange) -> None:
    """Run the body beside a gateway that has loaded its history."""

    async def main(clock: SimulatedClock) -> None:
        gateway, kept = gateway_on(exchange, clock, [SYMBOL])
        socket = MemorySocket(gateway.streams, on_frame=gateway.on_frame, on_connect=gateway.on_connect)
        running = [asyncio.ensure_future(task()) for task in gateway.tasks(socket).values()]
        await gateway.ready.wait()
        await body(clock, gateway, kept)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    run_simulated(main, start=from_ms(START_MS))


def test_a_price_is_shown_moments_after_it_came_and_nothing_while_nothing_comes() -> None:
    async def body(clock: SimulatedClock, gateway: GatewayService, kept: KeptMessages) -> None:
        await clock.sleep(10)
        assert kept.shown == []
        for update in (1, 2):
            await gateway.on_frame(orjson.dumps({"stream": f"{SYMBOL.lower()}@bookTicker", "data": tick(update)}))
        await clock.sleep(2 * LIVE_EVERY_S)
        (shown,) = kept.shown
        assert isinstance(shown, MarketTick)
        assert shown.update_id == 2

    simulated(body, exchange=ListedExchange([minute(-2), minute(-1)]))


def test_a_candle_that_does_not_come_is_asked_for_soon_after_its_end() -> None:
    exchange = ListedExchange([minute(-2), minute(-1), replace(minute(0), is_closed=False)])

    async def body(clock: SimulatedClock, gateway: GatewayService, kept: KeptMessages) -> None:
        # the exchange has closed the minute when it has begun the next one
        await clock.sleep(61)
        exchange.candles[-1:] = [minute(0), replace(minute(1), is_closed=False)]
        before = len(kept.of(Timeframe.M1))
        await clock.sleep(LATE_S + 2)
        assert [(one.time, source) for one, source in kept.published[before:]] == [(minute(0).time, "repair")]

    simulated(body, exchange=exchange)
