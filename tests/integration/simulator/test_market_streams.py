"""Market streams over real connections: control frames, limits, books that add up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
import websockets

from tests.integration.simulator.conftest import STILL, RunningTwin


@asynccontextmanager
async def connected(twin: RunningTwin, path: str) -> AsyncIterator[Any]:
    async with websockets.connect(f"{twin.streams}{path}", max_queue=None) as opened:
        yield opened


async def ask(opened: Any, **frame: Any) -> dict[str, Any]:
    """Send a control frame and return its answer, passing over events."""
    await opened.send(json.dumps(frame))
    async with asyncio.timeout(60):
        while True:
            message: dict[str, Any] = json.loads(await opened.recv())
            if "stream" not in message and "e" not in message and "u" not in message:
                return message


async def test_streams_are_subscribed_listed_and_left(still: RunningTwin) -> None:
    async with connected(still, "/ws/btcusdt@depth20") as opened:
        assert await ask(opened, method="SUBSCRIBE", params=["btcusdt@trade", "nothing@like_it"], id=1) == {
            "result": None,
            "id": 1,
        }
        listed = await ask(opened, method="LIST_SUBSCRIPTIONS", id="two")
        assert listed == {"result": ["btcusdt@depth20", "btcusdt@trade", "nothing@like_it"], "id": "two"}
        await ask(opened, method="UNSUBSCRIBE", params=["btcusdt@depth20"], id=None)
        assert (await ask(opened, method="LIST_SUBSCRIPTIONS", id=3))["result"] == [
            "btcusdt@trade",
            "nothing@like_it",
        ]


async def test_an_unknown_path_is_a_connection_without_streams(still: RunningTwin) -> None:
    async with connected(still, "/ws/0") as opened:
        assert (await ask(opened, method="SUBSCRIBE", params=["btcusdt@trade"], id=1))["result"] is None
        still.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"})
        trade = json.loads(await asyncio.wait_for(opened.recv(), 60))
    assert (trade["e"], trade["p"], trade["q"], trade["m"]) == ("trade", "50000.01000000", "0.10000000", False)


async def test_the_wrapper_can_be_switched_on(still: RunningTwin) -> None:
    async with connected(still, "/ws/btcusdt@trade") as opened:
        assert (await ask(opened, method="GET_PROPERTY", params=["combined"], id=1))["result"] is False
        await ask(opened, method="SET_PROPERTY", params=["combined", True], id=2)
        still.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1"})
        message = json.loads(await asyncio.wait_for(opened.recv(), 60))
    assert message["stream"] == "btcusdt@trade"
    assert message["data"]["m"] is True


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"method": "DANCE", "params": [], "id": 1}', 2),
        ('{"params": [], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1.5}', 2),
        ('{"method": "SET_PROPERTY", "params": ["colour", true], "id": 1}', 0),
        ('{"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}', 1),
    ],
)
async def test_a_wrong_frame_is_answered_with_its_fault(still: RunningTwin, text: str, code: int) -> None:
    async with connected(still, "/ws") as opened:
        await opened.send(text)
        answer = json.loads(await asyncio.wait_for(opened.recv(), 60))
    assert answer["code"] == code
    assert answer["msg"]


async def chatter(opened: Any) -> None:
    """Ask as fast as the answers come."""
    for number in range(50):
        await opened.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        await opened.recv()


async def knock(twin: RunningTwin) -> None:
    """Connect again and again."""
    for _ in range(400):
        async with connected(twin, "/ws"):
            pass


async def test_a_client_that_talks_too_much_is_cut_off(still: RunningTwin) -> None:
    async with connected(still, "/ws") as opened:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await chatter(opened)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_more_than_1024_streams_are_too_many(still: RunningTwin) -> None:
    async with connected(still, "/ws") as opened:
        names = [f"btcusdt@x{number}" for number in range(1025)]
        assert "more than 1024" in (await ask(opened, method="SUBSCRIBE", params=names, id=1))["msg"]


async def test_a_connection_ends_at_its_age(still: RunningTwin) -> None:
    still.reset({**STILL, "limits": {"connection_life_s": 0.5}})
    async with connected(still, "/ws/btcusdt@trade") as opened:
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(opened.recv(), 60)


async def test_connection_attempts_are_limited(still: RunningTwin) -> None:
    still.reset({**STILL, "limits": {"connections_5m": 1}})
    with pytest.raises(websockets.InvalidStatus) as refused:
        await knock(still)
    assert refused.value.response.status_code == 429
    still.reset(STILL)


async def test_a_reader_that_stops_reading_is_dropped_and_the_others_are_served(lively: RunningTwin) -> None:
    """A raw socket that never reads: the twin must go on for the others."""
    host, port = lively.streams.removeprefix("ws://").split(":")
    stuck = socket.create_connection((host, int(port)))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    stuck.sendall(
        b"GET /ws/btcusdc@depth20@100ms/btcusdc@kline_1m HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with connected(lively, "/ws/btcusdc@depth5@100ms") as opened:
        for _ in range(20):
            assert json.loads(await asyncio.wait_for(opened.recv(), 60))["bids"]
    stuck.close()


async def test_a_book_kept_from_differences_equals_the_exchanges_own(lively: RunningTwin) -> None:
    """Binance's recipe for a local book, step by step."""
    async with connected(lively, "/ws/ethusdc@depth@100ms") as opened:
        first = json.loads(await opened.recv())
        snapshot = lively.get("/api/v3/depth", symbol="ETHUSDC", limit=5000)
        assert snapshot["lastUpdateId"] >= first["U"] - 1
        bids = {Decimal(price): Decimal(quantity) for price, quantity in snapshot["bids"]}
        asks = {Decimal(price): Decimal(quantity) for price, quantity in snapshot["asks"]}
        book_id = snapshot["lastUpdateId"]
        event, previous = first, None
        states = {book_id: (dict(bids), dict(asks))}
        for _ in range(25):
            assert previous is None or event["U"] == previous + 1
            previous = event["u"]
            if event["u"] > book_id:
                assert event["U"] <= book_id + 1
                for side, changes in ((bids, event["b"]), (asks, event["a"])):
                    for price, quantity in changes:
                        side[Decimal(price)] = Decimal(quantity)
                        if not Decimal(quantity):
                            del side[Decimal(price)]
                book_id = event["u"]
                states[book_id] = (dict(bids), dict(asks))
                assert max(bids) < min(asks)
            event = json.loads(await asyncio.wait_for(opened.recv(), 60))
        await compare_with_snapshot(lively, opened, states, event, (bids, asks))


Side = dict[Decimal, Decimal]


async def compare_with_snapshot(
    twin: RunningTwin, opened: Any, states: dict[int, tuple[Side, Side]], event: dict[str, Any], book: tuple[Side, Side]
) -> None:
    """Take a new snapshot and follow the stream until the kept book has the same id."""
    later = await asyncio.to_thread(twin.get, "/api/v3/depth", symbol="ETHUSDC", limit=5000)
    bids, asks = book
    while later["lastUpdateId"] not in states:
        for side, changes in ((bids, event["b"]), (asks, event["a"])):
            for price, quantity in changes:
                side[Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    side.pop(Decimal(price), None)
        states[event["u"]] = (dict(bids), dict(asks))
        if event["u"] > later["lastUpdateId"] and later["lastUpdateId"] not in states:
            later = await asyncio.to_thread(twin.get, "/api/v3/depth", symbol="ETHUSDC", limit=5000)
        event = json.loads(await asyncio.wait_for(opened.recv(), 60))
    kept = states[later["lastUpdateId"]]
    assert kept[0] == {Decimal(price): Decimal(quantity) for price, quantity in later["bids"]}
    assert kept[1] == {Decimal(price): Decimal(quantity) for price, quantity in later["asks"]}


async def test_times_can_be_in_microseconds(still: RunningTwin) -> None:
    async with connected(still, "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND") as opened:
        await asyncio.sleep(0.1)
        still.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"})
        trade = json.loads(await asyncio.wait_for(opened.recv(), 60))["data"]
    assert trade["T"] > 10**15
    assert trade["E"] > 10**15


async def test_quiet_candles_are_still_shown_and_closed(still: RunningTwin) -> None:
    async with connected(still, "/ws/btcusdt@kline_1s") as opened:
        closed: list[dict[str, Any]] = []
        async with asyncio.timeout(60):
            while len(closed) < 3:
                event = json.loads(await opened.recv())
                if event["k"]["x"]:
                    closed.append(event["k"])
    assert [candle["t"] - closed[0]["t"] for candle in closed] == [0, 1000, 2000]
    assert {(candle["n"], candle["f"], candle["L"], candle["v"]) for candle in closed} == {(0, -1, -1, "0.00000000")}


@pytest.mark.parametrize("how", ["subscribed just before its end", "kept over a reset"])
async def test_the_candle_of_the_moment_of_a_subscription_is_closed(still: RunningTwin, how: str) -> None:
    stepped = {**STILL, "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"}}
    still.reset(stepped)
    async with connected(still, "/ws/btcusdt@kline_1m") as opened:
        if how == "kept over a reset":
            still.reset(stepped)
        still.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"})
        still.do("POST", "/clock", {"advance_ms": 61_000})
        async with asyncio.timeout(60):
            frames = [json.loads(await opened.recv())]
            while not frames[-1]["k"]["x"]:
                frames.append(json.loads(await opened.recv()))
    start = 1_767_225_600_000
    assert {(frame["k"]["t"], frame["k"]["T"]) for frame in frames} == {(start, start + 59_999)}
    assert (frames[-1]["k"]["v"], frames[-1]["k"]["n"]) == ("0.10000000", 1)


@pytest.mark.parametrize("plus", ["+", "%2B"])
async def test_a_candle_stream_names_its_time_zone(still: RunningTwin, plus: str) -> None:
    async with connected(still, f"/stream?streams=btcusdt@kline_1d@{plus}08:00") as opened:
        message = json.loads(await asyncio.wait_for(opened.recv(), 60))
    assert message["stream"] == "btcusdt@kline_1d@+08:00"
    assert message["data"]["k"]["t"] % 86_400_000 == 16 * 3_600_000
