"""What the gateway makes of frames, in whatever order they come."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from gateway.src.live import SymbolLive
from gateway.src.stream_watch import LateAsks, StreamWatch
from gateway.src.verifier import differing
from shared.memory.manual_clock import ManualClock
from shared.src.config import OptionalStream
from shared.src.contracts.market import DayStatistics, MarketTick, TradeFlow
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import RejectedError, TransientError
from tests.unit.gateway.rig import ListedExchange, gateway_on

SYMBOL = "BTCUSDC"
MINUTE = 60_000


def kline(open_ms: int, *, event_ms: int, close: str = "100", closed: bool = False) -> dict[str, Any]:
    return {
        "e": "kline",
        "E": event_ms,
        "s": SYMBOL,
        "k": {
            "t": open_ms,
            "T": open_ms + MINUTE - 1,
            "s": SYMBOL,
            "i": "1m",
            "o": "100",
            "c": close,
            "h": "200",
            "l": "50",
            "v": "1",
            "n": 1,
            "x": closed,
            "q": "100",
            "V": "1",
            "Q": "100",
            "B": "0",
        },
    }


def tick(update_id: int) -> dict[str, Any]:
    return {"u": update_id, "s": SYMBOL, "b": "99", "B": "1", "a": "101", "A": "1"}


def trade(number: int, *, quantity: str = "2", taker_sells: bool = False) -> dict[str, Any]:
    return {"e": "aggTrade", "E": number, "s": SYMBOL, "a": number, "p": "100", "q": quantity, "m": taker_sells}


def live(last_closed_ms: int | None = None) -> SymbolLive:
    return SymbolLive(SYMBOL, lambda: last_closed_ms)


def test_of_many_only_the_newest_becomes_a_message_and_all_are_counted() -> None:
    newest = live()
    for number in range(1, 101):
        newest.on_tick(tick(number))
        newest.on_open_candle(kline(0, event_ms=number, close=str(100 + number)))
    messages, errors = newest.take(0)
    assert errors == []
    assert [m.update_id for m in messages if isinstance(m, MarketTick)] == [100]
    assert [m.close for m in messages if isinstance(m, Candle)] == [Decimal(200)]
    assert (newest.taken, newest.published) == (200, 2)
    assert newest.take(0) == ([], [])


def test_what_is_older_never_replaces_what_is_newer() -> None:
    newest = live()
    newest.on_tick(tick(7))
    newest.on_tick(tick(6))
    newest.on_open_candle(kline(MINUTE, event_ms=9, close="120"))
    newest.on_open_candle(kline(0, event_ms=8, close="110"))
    messages, _ = newest.take(0)
    assert [m.update_id for m in messages if isinstance(m, MarketTick)] == [7]
    assert [m.close for m in messages if isinstance(m, Candle)] == [Decimal(120)]


def test_numbers_may_start_anywhere_on_a_new_connection() -> None:
    newest = live()
    newest.on_tick(tick(7))
    newest.take(0)
    newest.forget_order()
    newest.on_tick(tick(3))
    assert len(newest.take(0)[0]) == 1


def test_an_open_candle_is_not_shown_once_its_minute_is_closed() -> None:
    newest = live(last_closed_ms=0)
    newest.on_open_candle(kline(0, event_ms=5))
    assert newest.take(0) == ([], [])


def test_trades_taken_are_summed_by_side_and_missing_ones_are_counted() -> None:
    newest = live()
    for number in (1, 2, 2, 5):
        newest.on_trade(trade(number, taker_sells=number == 5))
    [flow], _ = newest.take(0)
    assert isinstance(flow, TradeFlow)
    assert (flow.first_id, flow.last_id, flow.missing) == (1, 5, 2)
    assert (flow.bought, flow.sold, flow.quote_volume) == (Decimal(4), Decimal(2), Decimal(600))


async def test_a_bad_frame_is_counted_with_its_reason_and_the_rest_goes_on() -> None:
    gateway, kept = gateway_on(ListedExchange(), ManualClock(), [SYMBOL], optional=[OptionalStream.MINI_TICKER])
    day = {"e": "24hrMiniTicker", "E": 5, "s": SYMBOL, "c": "2", "o": "1", "h": "3", "l": "1", "v": "10", "q": "18"}
    for stream, data in (
        ("btcusdc@kline_1m", {"e": "kline"}),
        ("btcusdc@bookTicker", {"s": SYMBOL}),
        ("btcusdc@miniTicker", day),
        ("ethusdc@kline_1m", {"nobody": "asked"}),
    ):
        await gateway.on_frame(json.dumps({"stream": stream, "data": data}))
    await gateway.on_frame("no frame")
    assert [reason.split(":")[0] for reason in gateway.bad_frames] == [
        "btcusdc@kline_1m",
        "btcusdc@bookTicker",
        "not JSON",
    ]
    messages, _ = gateway._live[SYMBOL].take(0)
    assert [type(message) for message in messages] == [DayStatistics]
    assert kept.published == []


async def test_an_order_book_that_is_not_kept_or_not_known_is_refused_with_the_reason() -> None:
    gateway, _ = gateway_on(ListedExchange(), ManualClock(), [SYMBOL], optional=[OptionalStream.DEPTH])
    with pytest.raises(RejectedError, match="GATEWAY_STREAMS"):
        gateway.books.book("ETHUSDC")
    with pytest.raises(TransientError, match="waiting for the first depth event"):
        gateway.books.book(SYMBOL)


async def test_a_book_that_stays_behind_best_prices_is_lost() -> None:
    clock = ManualClock()
    answer = {"lastUpdateId": 4, "bids": [["99", "1"]], "asks": [["101", "1"]]}
    gateway, _ = gateway_on(
        ListedExchange(snapshots={SYMBOL: [answer]}), clock, [SYMBOL], optional=[OptionalStream.DEPTH]
    )
    gateway.books.on_event(SYMBOL, {"U": 4, "u": 5, "b": [], "a": []})
    await gateway.books._load(gateway.books._books[SYMBOL])
    for newest in (5, 6, 6):
        gateway.books.compare(SYMBOL, newest)
        assert gateway.books.book(SYMBOL).update_id == 5
        clock.advance(2)
    gateway.books.compare(SYMBOL, 6)
    with pytest.raises(TransientError, match="stay behind best prices"):
        gateway.books.book(SYMBOL)


def test_a_single_stream_that_goes_silent_is_renewed_ever_more_rarely() -> None:
    clock = ManualClock()
    watch = StreamWatch(clock)
    watch.set_streams(["a@kline_1m", "b@kline_1m"])
    renewed = []
    for second in range(0, 1200, 5):
        clock.advance(5)
        watch.saw("a@kline_1m")
        renewed += [(stream, second) for stream in watch.due_for_renewal()]
    assert {stream for stream, _ in renewed} == {"b@kline_1m"}
    times = [second for _, second in renewed]
    assert times[0] == 75
    assert [after - before for before, after in pairwise(times)] == [155, 305, 605]


def candle(index: int, close: str = "100") -> Candle:
    price = Decimal(close)
    return Candle(SYMBOL, Timeframe.M5, index * 5 * MINUTE, price, price, price, price, Decimal(1))


def test_only_what_differs_is_corrected_and_only_holes_are_filled() -> None:
    exchange = [candle(index) for index in range(8)]
    stored = [candle(2), candle(3, "101"), candle(5), candle(6)]
    wrong, missing = differing(stored, exchange)
    assert wrong == [candle(3)]
    assert missing == [candle(4)]
    assert differing([], exchange) == ([], [])


async def test_what_a_connection_missed_is_fetched_for_all_its_symbols_before_anything_newer() -> None:
    symbols = [f"C{number:03d}USDC" for number in range(20)]
    price = Decimal(1)
    missed = [
        Candle(symbol, Timeframe.M1, minute * MINUTE, price, price, price, price, price)
        for symbol in symbols
        for minute in range(4)
    ]
    clock = ManualClock(from_ms(3 * MINUTE + 1))
    gateway, kept = gateway_on(ListedExchange(missed), clock, symbols)
    gateway.ready.set()
    await gateway.on_connect([f"{symbol.lower()}@kline_1m" for symbol in symbols] + ["gone@kline_1m"])
    for symbol in symbols:
        published = [(candle.time, source) for candle, source in kept.published if candle.symbol == symbol]
        assert published[:3] == [(0, "repair"), (MINUTE, "repair"), (2 * MINUTE, "repair")]
        assert gateway.statistics()["last_open_ms"][symbol] == 2 * MINUTE


def test_a_candle_that_does_not_come_is_asked_for_soon_and_then_ever_more_rarely() -> None:
    asks = LateAsks()
    asked = [(symbol, second) for second in range(300) for symbol in asks.due({"A"}, second)]
    assert [second for _, second in asked] == [3, 9, 21, 45, 93, 153, 213, 273]
    assert asks.due(set(), 300) == []
    assert [second for second in range(301, 310) if asks.due({"A"}, second)] == [304], "patience begins anew"
