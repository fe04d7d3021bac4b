"""How WebSocket connections of the twin live and end, over the wire (rules: WebSocket limits, pings, user stream)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.frames import Opcode

from simulator.api.limits import CUTS_BEFORE_BAN
from simulator.fixture import LimitsConfig
from tests.contract.raw_socket import RawSocket
from tests.integration.simulator.conftest import STILL, RunningTwin, running_twin

LIST: dict[str, Any] = {"method": "LIST_SUBSCRIPTIONS", "id": 1}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("sockets"), fixture=STILL) as twin:
        yield twin


def with_limits(process: RunningTwin, **limits: Any) -> RunningTwin:
    process.reset({**STILL, "limits": limits})
    return process


@pytest.fixture
def twin(process: RunningTwin) -> RunningTwin:
    return with_limits(process)


def test_the_defaults_are_those_of_the_exchange() -> None:
    limits = LimitsConfig()
    assert (limits.ping_interval_s, limits.pong_timeout_s, limits.connection_life_s) == (20, 60, 86_400)
    assert (limits.connections_5m, limits.weight_1m, limits.raw_5m) == (300, 6000, 300_000)
    assert (limits.orders_10s, limits.orders_1d) == (100, 200_000)


@pytest.mark.parametrize("api", ["streams", "ws_api"])
async def test_pings_carry_a_payload_and_go_on_while_they_are_answered(process: RunningTwin, api: str) -> None:
    twin = with_limits(process, ping_interval_s=0.05, pong_timeout_s=20)
    url = twin.ws_api if api == "ws_api" else f"{twin.streams}/ws"
    async with asyncio.timeout(60), RawSocket(url) as socket:
        payloads = []
        for _ in range(3):
            ping = await socket.frame(Opcode.PING)
            payloads.append(bytes(ping.data))
            await socket.pong(bytes(ping.data))
    assert all(payloads)
    assert len(set(payloads)) == 3


@pytest.mark.parametrize("answer", [None, b"", b"another"], ids=["none", "unsolicited", "of another ping"])
async def test_a_client_that_does_not_answer_a_ping_is_disconnected(process: RunningTwin, answer: bytes | None) -> None:
    twin = with_limits(process, ping_interval_s=0.05, pong_timeout_s=0.2)
    async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws") as socket:
        await socket.frame(Opcode.PING)
        if answer is not None:
            await socket.pong(answer)
        assert await socket.closed() == (1008, "Pong timeout")


@pytest.mark.parametrize("kind", ["messages", "pings", "pongs", "mixed"])
async def test_six_frames_in_a_second_end_the_connection(twin: RunningTwin, kind: str) -> None:
    async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws") as socket:
        for number in range(6):
            if kind == "messages" or (kind == "mixed" and number % 3 == 0):
                await socket.send(LIST)
            elif kind == "pings" or (kind == "mixed" and number % 3 == 1):
                await socket.ping(b"x")
            else:
                await socket.pong()
        assert await socket.closed() == (1008, "Too many requests")


async def test_five_frames_in_a_second_are_fine(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws") as socket:
        await socket.ping(b"x")
        await socket.pong()
        for _ in range(3):
            await socket.send(LIST)
            assert await socket.json() == {"result": [], "id": 1}


async def test_an_address_that_is_cut_off_again_and_again_is_banned(twin: RunningTwin) -> None:
    for _ in range(CUTS_BEFORE_BAN + 1):
        async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws") as socket:
            for _ in range(6):
                await socket.pong()
            await socket.closed()
    answer = await asyncio.to_thread(httpx.get, f"{twin.rest}/api/v3/ping", timeout=60, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (418, -1003)
    assert 0 < int(answer.headers["Retry-After"]) <= 120
    for url in (f"{twin.streams}/ws", twin.ws_api):
        async with asyncio.timeout(60), RawSocket(url) as socket:
            assert socket.response is not None
            assert socket.response.status_code == 418


async def test_attempts_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    with running_twin(tmp_path, fixture={**STILL, "limits": {"connections_5m": 3}}) as twin:
        statuses = []
        for _ in range(4):
            async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws/btcusdt@trade") as socket:
                assert socket.response is not None
                statuses.append(socket.response.status_code)
    assert statuses == [101, 101, 101, 429]


async def test_a_connection_ends_when_its_day_is_over(process: RunningTwin) -> None:
    twin = with_limits(process, connection_life_s=0.3)
    for url in (f"{twin.streams}/stream?streams=btcusdt@trade", twin.ws_api):
        async with asyncio.timeout(60), RawSocket(url) as socket:
            assert (await socket.closed())[0] == 1001


async def test_a_shutdown_is_announced_in_the_form_and_unit_of_each_connection(twin: RunningTwin) -> None:
    async with (
        asyncio.timeout(60),
        RawSocket(f"{twin.streams}/ws") as raw,
        RawSocket(f"{twin.streams}/stream?streams=btcusdt@trade") as combined,
        RawSocket(f"{twin.streams}/ws?timeUnit=microsecond") as micro,
        RawSocket(twin.ws_api) as api,
    ):
        await asyncio.to_thread(twin.do, "POST", "/shutdown-notice", {"close_after_s": 0.1})
        event = await raw.json()
        assert event == {"e": "serverShutdown", "E": event["E"]}
        assert await combined.json() == {"stream": "!serverShutdown", "data": event}
        assert await micro.json() == {"e": "serverShutdown", "E": event["E"] * 1000}
        assert await api.json() == {"event": event}
        for socket in (raw, combined, micro, api):
            assert (await socket.closed())[0] == 1001


async def test_a_client_that_does_not_read_is_dropped_and_the_others_miss_nothing(process: RunningTwin) -> None:
    twin = with_limits(process, outbox_messages=5_000)
    bids = [[str(49_999 - step), "0.001"] for step in range(1_000)]
    body = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1"}
    url = f"{twin.streams}/ws/btcusdt@trade"
    async with asyncio.timeout(60), RawSocket(url) as good, RawSocket(url, buffer=2048):
        sent, seen = 0, []
        while (await asyncio.to_thread(twin.do, "GET", "/state"))["streams"]["connections"] == 2:
            await asyncio.to_thread(twin.do, "POST", "/liquidity", {"symbol": "BTCUSDT", "bids": bids, "asks": []})
            # one sweep through a thousand offers, a trade each
            await asyncio.to_thread(twin.do, "POST", "/trades", body)
            sent += 1_000
            seen += [(await good.json())["t"] for _ in range(1_000)]
        assert seen == list(range(seen[0], seen[0] + sent))


async def test_frames_that_are_no_requests_get_the_documented_errors(twin: RunningTwin) -> None:
    cases = [
        ({"method": "SHOUT", "id": 1}, 2, "unknown variant `SHOUT`, expected one of `SUBSCRIBE`"),
        ({"id": 2}, 2, "missing field `method`"),
        ({"method": "GET_PROPERTY", "params": ["speed"], "id": 3}, 0, "Unknown property"),
        ({"method": "GET_PROPERTY", "params": [1], "id": 3}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["combined", True], "id": 3}, 2, "too many parameters"),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 4}, 1, "Invalid value type: expected Boolean"),
        ({"method": "SET_PROPERTY", "params": [], "id": 5}, 2, "property name must be a string"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 1.5}, 2, "request ID must be an unsigned integer"),
        ({"method": "SUBSCRIBE", "params": "a@trade", "id": 6}, 2, "Invalid request"),
        ("{oops", 3, "Invalid JSON"),
    ]  # fmt: skip
    for message, code, text in cases:
        async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws") as socket:
            await socket.send(message if isinstance(message, str) else json.dumps(message))
            answer = await socket.json()
            assert answer["code"] == code
            assert text in answer["msg"]


@pytest.mark.parametrize("name", ["0", "btcusdt@trade", "%0A", "a%0Ab@trade", "%2F%2F", "btcusdt%40trade/x", ""])
async def test_any_name_after_ws_is_accepted(twin: RunningTwin, name: str) -> None:
    async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws/{name}") as socket:
        assert socket.response is not None
        assert socket.response.status_code == 101
        await socket.send(LIST)
        assert (await socket.json())["id"] == 1


async def test_all_book_tickers_at_once_are_a_stream_the_exchange_no_longer_has(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(f"{twin.streams}/ws/!bookTicker") as socket:
        await socket.send({"method": "SUBSCRIBE", "params": ["!bookTicker", "!ticker@arr"], "id": "a"})
        assert await socket.json() == {"result": None, "id": "a"}, "accepted, as any name is"
        body = {"symbol": "BTCUSDT", "bids": [["49000", "1"]], "asks": [["51000", "1"]]}
        await asyncio.to_thread(twin.do, "POST", "/liquidity", body)
        await socket.send(LIST)
        assert await socket.json() == {"result": ["!bookTicker", "!ticker@arr"], "id": 1}, "and nothing ever comes"
