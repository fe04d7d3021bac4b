"""When the minutes of a mirrored market end, and whose candles they show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import orjson

from simulator.market import series as column
from simulator.market.book import Level
from simulator.market.candles import SymbolCandles
from simulator.market.clock import MarketClock
from simulator.market.intervals import HOUR_MS, MINUTE_MS
from simulator.market.mirror import CLOSING_GRACE_MS, MirrorDriver, MirrorSource
from simulator.market.upstream import Listing

START = 1_767_225_600_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Listed(MirrorSource):
    """A mirrored exchange that is not asked over the network."""

    def __init__(self) -> None:
        self.streams = "ws://nowhere"
        self.listings = {name: Listing(name, name[:3], "USDT", "TRADING", [], Decimal(100), 0) for name in SYMBOLS}
        self.books = {name: ([(Decimal(99), Decimal(1))], [(Decimal(101), Decimal(1))]) for name in SYMBOLS}
        self.decimals = dict.fromkeys(SYMBOLS, 5)


@dataclass
class Played:
    """What a mirror told, in order."""

    log: list[tuple[object, ...]] = field(default_factory=list)
    books: dict[str, tuple[list[Level], list[Level]]] = field(default_factory=dict)

    def move(self, symbol: str, bids: list[Level], asks: list[Level], time_ms: int) -> None:
        self.books[symbol] = (bids, asks)

    def trade(self, symbol: str, price: Decimal, quantity: Decimal, taker_buys: bool, time_ms: int) -> None:
        self.log.append(("trade", symbol, price, quantity, taker_buys, self.books[symbol]))

    def candle(self, symbol: str, row: Sequence[int]) -> None:
        self.log.append(("candle", symbol, row[0] - START))

    def end_minute(self, time_ms: int) -> None:
        self.log.append(("end", time_ms - START))

    def settle(self) -> None:
        return None


class Scene:
    def __init__(self) -> None:
        self.now_ms = START + 59_000
        self.played = Played()
        self.driver = MirrorDriver(Listed(), self.played, MarketClock(wall=lambda: self.now_ms))
        self.driver.open()

    async def kline(self, symbol: str, minute: int, *, closed: bool) -> None:
        start = START + minute * MINUTE_MS
        prices = dict.fromkeys(("o", "h", "l", "c", "v", "q", "V", "Q"), "1")
        await self.say(symbol, "kline_1m", {"k": {"t": start, "n": 1, "f": 5, "L": 5, "x": closed, **prices}})

    async def say(self, symbol: str, kind: str, data: dict[str, object]) -> None:
        await self.driver.on_frame(orjson.dumps({"stream": f"{symbol.lower()}@{kind}", "data": data}))


async def settled(scene: Scene, entries: int) -> None:
    async with asyncio.timeout(60):
        while len(scene.played.log) < entries:  # noqa: ASYNC110 - the driver runs as a task of its own
            await asyncio.sleep(0.005)


async def test_a_minute_ends_when_the_closing_candles_of_all_symbols_are_there() -> None:
    scene = Scene()
    ending = asyncio.create_task(scene.driver.end_minutes())
    scene.now_ms = START + MINUTE_MS + 10
    await scene.kline("BTCUSDT", 0, closed=True)
    # the next minute of one symbol is told before the other symbol's last one closed
    await scene.kline("BTCUSDT", 1, closed=False)
    assert scene.driver.due() == START + MINUTE_MS - 1, "nothing is shown of a minute that has not begun"
    await scene.kline("ETHUSDT", 0, closed=True)
    await settled(scene, 6)
    ending.cancel()
    closing = [("candle", "BTCUSDT", 0), ("candle", "ETHUSDT", 0)]
    assert scene.played.log == [
        *closing,
        *closing,
        ("end", MINUTE_MS),
        ("candle", "BTCUSDT", MINUTE_MS),
    ], "closing candles are put again, over the trades that came meanwhile"


async def test_a_minute_does_not_wait_for_ever_for_a_candle_that_never_comes() -> None:
    scene = Scene()
    ending = asyncio.create_task(scene.driver.end_minutes())
    scene.now_ms = START + MINUTE_MS + CLOSING_GRACE_MS
    await settled(scene, 1)
    ending.cancel()
    assert scene.played.log == [("end", MINUTE_MS)]


async def test_a_trade_takes_away_every_offer_that_was_better() -> None:
    scene = Scene()
    asks = [["101", "1"], ["102", "3"], ["103", "1"]]
    await scene.say("BTCUSDT", "depth20@100ms", {"bids": [["99", "1"]], "asks": asks})
    await scene.say("BTCUSDT", "trade", {"p": "102", "q": "2", "T": scene.now_ms, "m": False})
    _, symbol, price, quantity, taker_buys, seen = scene.played.log[0]
    assert (symbol, price, quantity, taker_buys) == ("BTCUSDT", Decimal(102), Decimal(2), True)
    assert seen == ([(Decimal(99), Decimal(1))], [(Decimal(102), Decimal(3)), (Decimal(103), Decimal(1))])
    await scene.say("BTCUSDT", "trade", {"p": "103", "q": "1", "T": scene.now_ms, "m": False})
    assert scene.played.books["BTCUSDT"][1] == [(Decimal(103), Decimal(1))], "what is left at 102 is gone, too"


def test_a_candle_of_someone_who_knows_better_replaces_minute_and_hour() -> None:
    candles = SymbolCandles("BTCUSDT", decimals=5, start_ms=START, price=Decimal(100))
    for minute in range(61):
        candles.add_trade(Decimal(100), Decimal(1), START + minute * MINUTE_MS, True, minute + 1)
    better = [START + 10 * MINUTE_MS, *[120 * 10**8] * 4, 5 * 10**5, 600 * 10**8, 3, 0, 0, 11, 11]
    candles.put(better)
    now = START + 61 * MINUTE_MS - 1
    shown = candles.rows("1m", start_ms=better[0], end_ms=better[0], limit=1, now_ms=now)[0]
    assert (shown[column.CLOSE], shown[column.VOLUME], shown[column.COUNT]) == (120 * 10**8, 5 * 10**5, 3)
    hour = candles.rows("1h", start_ms=START, end_ms=START + HOUR_MS - 1, limit=1, now_ms=now)[0]
    assert (hour[column.HIGH], hour[column.VOLUME], hour[column.COUNT]) == (120 * 10**8, 64 * 10**5, 62)
    current = [START + HOUR_MS, *[90 * 10**8] * 4, 10**5, 90 * 10**8, 7, 0, 0, 70, 76]
    candles.put(current)
    assert candles.rows("1m", start_ms=None, end_ms=None, limit=1, now_ms=now)[0][column.COUNT] == 7
    candles.put([START - HOUR_MS, *current[1:]])
    assert candles.rows("1m", start_ms=None, end_ms=None, limit=500, now_ms=now)[0][0] == START, "not kept, ignored"
