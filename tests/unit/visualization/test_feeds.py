"""From the bus to the screen: joined to what a screen can show, a closed candle never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from shared.memory.manual_clock import ManualClock
from shared.src.clocks import SystemClock
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import CYCLE_UPDATED, KAFKA_CANDLE, Topic, market_channel
from shared.src.domain.candles import MINUTE_MS, Candle
from tests.unit.visualization.test_forming import minute
from tests.unit.visualization.test_hub import frames, joined, subscribe
from visualization.src.feeds import MarketFeed, feed_events
from visualization.src.views import SymbolView
from visualization.src.websocket import ClientHub


class FakeSource:
    """Plays back what a bus said, then falls silent."""

    def __init__(self, notices: list[bytes] | None = None, events: list[tuple[Topic[Any], BaseModel]] | None = None):
        self._notices = notices or []
        self._events = events or []

    async def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        for raw in self._notices:
            yield patterns[0], raw

    async def tap(self, *topics: Topic[Any]) -> AsyncIterator[tuple[Topic[Any], BaseModel]]:
        for topic, message in self._events:
            assert topic in topics
            yield topic, message


def raw(candle: Candle) -> bytes:
    return KAFKA_CANDLE.encode(CandleMessage.of(candle, source="test", occurred_at_ms=candle.time))


async def none_stored(symbol: str, since_ms: int) -> list[Candle]:
    return []


async def day_open_90() -> list[SymbolView]:
    return [
        SymbolView(
            symbol="BTCUSDC",
            base="BTC",
            quote="USDC",
            price="100",
            open_24h="80",
            change_percent="25",
            volume_24h="1",
            time=0,
        )
    ]


async def run_briefly(*works: Any) -> None:
    """Let endless work turn a few times."""
    tasks = [asyncio.create_task(work()) for work in works]
    for _ in range(5):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_open_candles_are_joined_and_the_closed_one_is_kept_when_the_next_minute_follows() -> None:
    hub = ClientHub(ManualClock())
    notices = [
        raw(minute(1, "101", is_closed=False)),
        raw(minute(1, "102", is_closed=False)),
        raw(minute(1, "103")),
        raw(minute(1, "102", is_closed=False)),
        raw(minute(2, "104", is_closed=False)),
    ]
    feed = MarketFeed(hub, FakeSource(notices), ManualClock(), minutes=none_stored, symbols=day_open_90)
    client = joined(hub)
    await subscribe(hub, client, "market:BTCUSDC:1m")
    await feed.read()
    await run_briefly(feed.send_candles)

    sent = [frame["data"] for frame in frames(client) if frame["type"] == "update"]
    assert [(candle["time"], candle["close"], candle["is_closed"]) for candle in sent] == [
        (MINUTE_MS, "103", True),
        (2 * MINUTE_MS, "104", False),
    ]


async def test_higher_frames_are_built_from_stored_and_live_minutes() -> None:
    async def stored(symbol: str, since_ms: int) -> list[Candle]:
        assert (symbol, since_ms) == ("BTCUSDC", 5 * MINUTE_MS)
        return [replace(minute(5), high=Decimal(150)), minute(6)]

    hub = ClientHub(ManualClock())
    before, after = FakeSource([raw(minute(6))]), [raw(minute(7, "107", is_closed=False))]
    feed = MarketFeed(hub, before, ManualClock(), minutes=stored, symbols=day_open_90)
    await feed.read()
    client = joined(hub)
    await subscribe(hub, client, "market:BTCUSDC:5m")
    before._notices = after
    await feed.read()
    await run_briefly(feed.send_candles)

    (candle,) = [frame["data"] for frame in frames(client) if frame["type"] == "update"]
    assert (candle["time"], candle["high"], candle["close"], candle["volume"]) == (5 * MINUTE_MS, "150", "107", "6")


async def test_prices_carry_the_change_of_the_day() -> None:
    hub = ClientHub(ManualClock())
    source = FakeSource([raw(minute(1, "100")), b'{"not": "a candle"}'])
    feed = MarketFeed(hub, source, ManualClock(), minutes=none_stored, symbols=day_open_90)
    client = joined(hub)
    await subscribe(hub, client, "ticker:*")
    await run_briefly(feed.refresh_day_opens)
    await feed.read()
    await run_briefly(feed.send_tickers)

    (tickers,) = [frame["data"] for frame in frames(client) if frame["type"] == "update"]
    assert tickers == [{"symbol": "BTCUSDC", "price": "100", "change_percent": "25", "time": MINUTE_MS}]
    assert (feed.received, feed.refused) == (2, 1)


async def test_an_event_goes_to_the_channel_of_its_kind_with_money_as_text() -> None:
    event = CYCLE_UPDATED.decode(
        b'{"message_id":"1","occurred_at":"2026-01-01T00:00:00Z","cycle_id":"c","intent_id":"i","symbol":"BTCUSDC",'
        b'"strategy":"s","side":"BUY","status":"completed","quantity":"0.10","profit_loss":"-1.50"}'
    )
    hub = ClientHub(SystemClock())
    client = joined(hub)
    await subscribe(hub, client, "cycles")
    await feed_events(hub, FakeSource(events=[(CYCLE_UPDATED, event)]))
    update = frames(client)[-1]
    assert update["channel"] == "cycles"
    assert (update["data"]["quantity"], update["data"]["profit_loss"]) == ("0.1", "-1.5")


def test_one_pattern_listens_to_every_symbol() -> None:
    assert market_channel("*") == "roottrading:market:data:*"
