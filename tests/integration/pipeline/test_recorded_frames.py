"""Frames as Binance sent them, through the real supervisor, parser and order books."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.src.order_books import SNAPSHOT_GAP_S
from shared.src.clocks import ScaledClock, SystemClock
from shared.src.config import OptionalStream
from shared.src.contracts.market import MarketTick, TradeFlow
from shared.src.domain.candles import Candle
from shared.src.exchange.market_stream import BinanceWebSocket
from tests.stream_server import stream_server, until
from tests.unit.gateway.rig import ListedExchange, gateway_on

pytestmark = pytest.mark.integration

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "frames"
SYMBOLS = ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
ALL = (OptionalStream.DEPTH, OptionalStream.AGG_TRADE)


def lines(name: str) -> Iterator[str]:
    path = FOLDER / f"{name}.log.gz"
    if not path.exists():
        pytest.skip(f"recording {path} is not here; the twin's streams cover the same")
    with gzip.open(path, "rt", encoding="utf-8") as text:
        yield from (line.rstrip("\n") for line in text)


def frames() -> list[dict[str, Any]]:
    return [json.loads(line.partition(": ")[2]) for line in lines("spot-stream-2021-10") if ': {"stream"' in line]


def snapshots() -> dict[str, list[dict[str, Any]]]:
    """Each symbol's snapshot; its book is loaded once."""
    found = {}
    for line in lines("depth-snapshots-2021-10"):
        url, _, body = line.partition(": ")
        if body:
            found[url.split("symbol=")[1].split("&")[0]] = [json.loads(body)]
    return found


def book_after(snapshot: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[Decimal, Decimal]]:
    """The levels by the letter of Binance's description, in the plainest way."""
    sides: list[dict[Decimal, Decimal]] = [{Decimal(p): Decimal(q) for p, q in snapshot[s]} for s in ("bids", "asks")]
    for event in events:
        if event["u"] <= snapshot["lastUpdateId"]:
            continue
        for side, changes in zip(sides, (event["b"], event["a"]), strict=True):
            for price, quantity in changes:
                side[Decimal(price)] = Decimal(quantity)
    return [{price: quantity for price, quantity in side.items() if quantity} for side in sides]


async def test_a_recording_plays_through_without_a_bad_frame_and_says_what_the_frames_say() -> None:
    recorded, taken = frames(), snapshots()
    first = {symbol: next(iter(snapshot)) for symbol, snapshot in taken.items()}
    wall = SystemClock().now_ms()
    clock = ScaledClock(speed=1, market_ms=1_633_998_512_000, wall_ms=wall)
    gateway, kept = gateway_on(ListedExchange(snapshots=taken), clock, SYMBOLS, optional=ALL)
    gateway.ready.set()
    async with stream_server() as server:
        socket = BinanceWebSocket(
            server.url, gateway.streams, clock=clock, on_frame=gateway.on_frame, on_connect=gateway.on_connect
        )
        running = [asyncio.create_task(work) for work in (socket.run(), gateway.books.run())]
        try:
            await until(lambda: len(server.streams) == 16)
            await asyncio.sleep(0.1)
            for frame in recorded:
                await server.send_raw(frame["stream"], json.dumps(frame))
            await until(lambda: gateway.statistics()["live_taken"] > 0 and socket.frames == len(recorded))
            await until(lambda: gateway.books.statistics()["ready"] == len(SYMBOLS), SNAPSHOT_GAP_S * 5 + 60)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    assert gateway.bad_frames == []
    assert gateway.books.statistics()["rebuilds"] == 0
    for symbol in SYMBOLS:
        events = [f["data"] for f in recorded if f["stream"] == f"{symbol.lower()}@depth@100ms"]
        book = gateway.books.book(symbol)
        assert [dict(side) for side in book.levels()] == book_after(first[symbol], events)
        assert book.update_id == max(event["u"] for event in events)
    check_published(gateway, kept, recorded, clock.now_ms())


def check_published(gateway: Any, kept: Any, recorded: list[dict[str, Any]], now_ms: int) -> None:
    """What would be published is the newest of each stream, to the last digit."""
    for live in gateway._live.values():
        messages, errors = live.take(now_ms)
        assert errors == []
        kept.live(messages)
    newest = {frame["stream"]: frame["data"] for frame in recorded}
    candles = {m.symbol: m for m in kept.shown if isinstance(m, Candle)}
    ticks = {m.symbol: m for m in kept.shown if isinstance(m, MarketTick)}
    flows = {m.symbol: m for m in kept.shown if isinstance(m, TradeFlow)}
    for symbol in ("NKNUSDT", "LRCBTC"):
        kline = newest[f"{symbol.lower()}@kline_1m"]["k"]
        candle = candles[symbol]
        assert [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_asset_volume] == [
            Decimal(kline[name]) for name in ("o", "h", "l", "c", "v", "q")
        ]
        assert (candle.number_of_trades, candle.is_closed) == (kline["n"], False)
        quote = newest[f"{symbol.lower()}@bookTicker"]
        tick = ticks[symbol]
        assert (tick.bid, tick.ask, tick.update_id) == (Decimal(quote["b"]), Decimal(quote["a"]), quote["u"])
        trade = newest[f"{symbol.lower()}@aggTrade"]
        assert (flows[symbol].last, flows[symbol].last_id) == (Decimal(trade["p"]), trade["a"])
        assert flows[symbol].bought + flows[symbol].sold == Decimal(trade["q"])
