"""The connections to the market streams: broken, silent, too old or changed, they miss nothing they could have had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.clocks import SystemClock
from shared.src.domain.errors import TransientError
from shared.src.exchange.market_stream import BinanceWebSocket
from shared.src.exchange.stream_connection import AttemptBudget
from tests.stream_server import StreamServer, stream_server, until

pytestmark = pytest.mark.integration


@dataclass
class Receiver:
    """What came, in order."""

    numbers: list[int] = field(default_factory=list)
    connected: list[tuple[str, ...]] = field(default_factory=list)

    async def on_frame(self, raw: str | bytes) -> None:
        self.numbers.append(orjson.loads(raw)["data"]["n"])

    async def on_connect(self, streams: Sequence[str]) -> None:
        self.connected.append(tuple(streams))


@asynccontextmanager
async def connected(
    server: StreamServer, streams: Sequence[str], **options: Any
) -> AsyncIterator[tuple[BinanceWebSocket, Receiver]]:
    receiver = Receiver()
    socket = BinanceWebSocket(
        server.url,
        streams,
        clock=SystemClock(),
        on_frame=receiver.on_frame,
        on_connect=receiver.on_connect,
        jitter=Random(7),
        **options,
    )
    running = asyncio.create_task(socket.run())
    try:
        await until(lambda: {stream for streams in receiver.connected for stream in streams} == set(streams))
        yield socket, receiver
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_connection_that_grows_old_is_replaced_without_missing_a_frame() -> None:
    async with stream_server() as server, connected(server, ["a@x"], life_s=0.6) as (socket, receiver):
        for number in range(300):
            assert await server.send("a@x", {"n": number}) > 0, "for a moment nobody listened"
            await asyncio.sleep(0.01)
        assert socket.rotations >= 1
        assert socket.reconnects == 0
        assert len(receiver.connected) == 1, "nothing was missed, so nothing is to be repaired"
        await until(lambda: 299 in receiver.numbers)
        assert sorted(set(receiver.numbers)) == list(range(300))


async def test_an_announced_shutdown_is_answered_with_a_new_connection_at_once() -> None:
    async with stream_server() as server, connected(server, ["a@x"]) as (socket, _):
        first = next(iter(server.subscribed))
        await first.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
        await until(lambda: len(server.opened) == 2)
        await server.send("a@x", {"n": 1})
        await until(lambda: first not in server.subscribed)
        assert (socket.rotations, socket.reconnects) == (1, 0)


async def test_a_silent_connection_is_opened_anew_and_its_streams_are_repaired() -> None:
    async with stream_server() as server, connected(server, ["a@x", "b@x"], silence_s_max=0.5) as (socket, receiver):
        await until(lambda: len(server.opened) >= 2)
        assert socket.reconnects >= 1
        await until(lambda: len(receiver.connected) >= 2)
        assert receiver.connected[-1] == ("a@x", "b@x")


async def test_a_broken_connection_comes_back_with_the_streams_as_they_are_now() -> None:
    async with stream_server() as server, connected(server, ["a@x", "b@x"]) as (socket, _):
        await socket.set_streams(["b@x", "c@x"])
        await next(iter(server.subscribed)).close()
        await until(lambda: len(server.opened) == 2)
        assert server.opened[-1] == ["b@x", "c@x"]


async def test_symbols_come_and_go_on_open_connections() -> None:
    async with (
        stream_server() as server,
        connected(server, ["a@x", "b@x"], streams_per_connection=3) as (
            socket,
            receiver,
        ),
    ):
        await socket.set_streams(["b@x", "c@x", "d@x", "e@x"])
        await until(lambda: server.streams == ["b@x", "c@x", "d@x", "e@x"])
        assert len(server.opened) == 2, "three streams fit a connection: the fourth needs another"
        assert socket.reconnects == 0
        await until(lambda: {stream for streams in receiver.connected for stream in streams} >= {"c@x", "d@x", "e@x"})
        assert all("b@x" not in streams for streams in receiver.connected[1:]), "what stayed has no gap"
        await socket.set_streams(["e@x"])
        await until(lambda: server.streams == ["e@x"])
        await until(lambda: len(server.subscribed) == 1)


@pytest.mark.parametrize("why", ["broken", "replaced"])
async def test_what_changes_while_a_connection_is_being_opened_is_not_forgotten(why: str) -> None:
    async with stream_server() as server, connected(server, ["a@x", "b@x"]) as (socket, receiver):
        server.gate.clear()
        first = next(iter(server.subscribed))
        await (first.close() if why == "broken" else first.send('{"stream":"!serverShutdown","data":{}}'))
        await until(lambda: len(server.asked) == 2)
        await socket.set_streams(["b@x", "c@x"])
        server.gate.set()
        await until(lambda: first not in server.subscribed and server.streams == ["b@x", "c@x"])
        await until(lambda: "c@x" in {stream for streams in receiver.connected for stream in streams})


async def test_a_single_silent_stream_is_subscribed_again() -> None:
    async with stream_server() as server, connected(server, ["a@x", "b@x"]) as (socket, receiver):
        await socket.renew(["b@x"])
        assert [(command["method"], command["params"]) for command in server.commands] == [
            ("UNSUBSCRIBE", ["b@x"]),
            ("SUBSCRIBE", ["b@x"]),
        ]
        await until(lambda: receiver.connected[-1] == ("b@x",))
        assert len(server.opened) == 1


async def test_health_names_a_connection_that_does_not_speak() -> None:
    socket = BinanceWebSocket(
        "ws://127.0.0.1:1", ["a@x"], clock=SystemClock(), on_frame=Receiver().on_frame, on_connect=Receiver().on_connect
    )
    with pytest.raises(TransientError, match="not connected"):
        await socket.probe()


async def test_connection_attempts_stay_within_the_exchanges_limit() -> None:
    clock = ManualClock()
    budget = AttemptBudget(clock, limit=3, window_s=300)
    for _ in range(3):
        await budget.take()
    assert clock.monotonic() == 0
    await budget.take()
    assert clock.monotonic() == 300
