"""The line of candles that leaves the gateway has no holes, no repeats, no open candle."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.src.frames import parse_frame
from gateway.src.series import Built, CandleSeries, Gap
from shared.src.contracts.market import MarketTick
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.errors import ContractError

MINUTE = 60_000


def minute(index: int) -> Candle:
    price = Decimal(100 + index % 7)
    return Candle("BTCUSDC", Timeframe.M1, index * MINUTE, price, price + 1, price - 1, price, Decimal(1))


def test_a_candle_that_follows_is_published_with_what_it_completes() -> None:
    series = CandleSeries("BTCUSDC")
    published = [series.append(minute(index)) for index in range(15)]
    last = published[-1]
    assert isinstance(last, Built)
    assert [candle.timeframe for candle in last.candles] == [Timeframe.M1, Timeframe.M3, Timeframe.M5, Timeframe.M15]


def test_a_hole_is_named_and_nothing_is_published_over_it() -> None:
    series = CandleSeries("BTCUSDC")
    series.append(minute(0))
    assert series.append(minute(3)) == Gap(1 * MINUTE, 3 * MINUTE)
    assert series.last_open_ms == 0


def test_an_interval_whose_minutes_were_not_all_seen_is_to_be_fetched() -> None:
    series = CandleSeries("BTCUSDC")
    results = [series.append(minute(index)) for index in range(2, 5)]
    last = results[-1]
    assert isinstance(last, Built)
    assert last.incomplete == ((Timeframe.M5, 0),)


@given(order=st.lists(st.integers(0, 40), max_size=200))
def test_whatever_arrives_the_published_minutes_are_contiguous_and_once(order: list[int]) -> None:
    series, published = CandleSeries("BTCUSDC"), []
    for index in order:
        result = series.append(minute(index))
        if isinstance(result, Gap):
            for missing in range(result.start_ms // MINUTE, result.end_ms // MINUTE):
                repaired = series.append(minute(missing))
                assert isinstance(repaired, Built)
                published.append(repaired.candles[0].open_time_ms)
            result = series.append(minute(index))
        if isinstance(result, Built):
            published.append(result.candles[0].open_time_ms)
    assert published == [published[0] + step * MINUTE for step in range(len(published))] if published else True


KLINE = (
    '{"stream":"btcusdc@kline_1m","data":{"e":"kline","E":1672515782136,"s":"BTCUSDC","k":{"t":1672515780000,'
    '"T":1672515839999,"s":"BTCUSDC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0005",'
    '"v":"1000","n":100,"x":%s,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}}'
)


def test_a_kline_frame_keeps_every_digit_and_the_closed_flag() -> None:
    candle = parse_frame(KLINE % "true", received_ms=0)
    assert isinstance(candle, Candle)
    assert (candle.open, candle.volume, candle.is_closed) == (Decimal("0.0010"), Decimal(1000), True)
    still_open = parse_frame(KLINE % "false", received_ms=0)
    assert isinstance(still_open, Candle)
    assert not still_open.is_closed


def test_a_book_ticker_frame_is_a_tick() -> None:
    data = '{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36","A":"40.66"}'
    raw = f'{{"stream":"bnbusdt@bookTicker","data":{data}}}'
    tick = parse_frame(raw, received_ms=5)
    assert isinstance(tick, MarketTick)
    assert (tick.bid, tick.ask, tick.update_id) == (Decimal("25.35190000"), Decimal("25.36"), 400900217)


def test_an_answer_to_a_command_is_nothing() -> None:
    assert parse_frame('{"result":null,"id":1}', received_ms=0) is None


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "[",
        "[1]",
        '{"data":{"e":"kline"}}',
        '{"stream":"x@bookTicker","data":{"s":"X"}}',
        KLINE.replace('"0.0010"', "0.001") % "true",
    ],
)
def test_a_frame_that_is_not_what_binance_documents_is_refused(raw: str) -> None:
    with pytest.raises(ContractError):
        parse_frame(raw, received_ms=0)


@given(raw=st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    with suppress(ContractError):
        assert parse_frame(raw, received_ms=0) is None


def test_an_interval_over_a_hole_of_the_exchange_is_to_be_fetched_not_merged() -> None:
    series = CandleSeries("BTCUSDC")
    series.append(minute(0))
    series.last_open_ms = None  # the gateway accepts a hole that the exchange itself has
    last = [series.append(minute(index)) for index in (3, 4)][-1]
    assert isinstance(last, Built)
    assert last.incomplete == ((Timeframe.M5, 0),)


def test_a_series_of_longer_candles_builds_what_whole_ones_make_up() -> None:
    series = CandleSeries("BTCUSDC", Timeframe.M5)
    price = Decimal(100)
    bars = [Candle("BTCUSDC", Timeframe.M5, i * 5 * MINUTE, price, price, price, price, price) for i in range(12)]
    last = [series.append(bar) for bar in bars][-1]
    assert isinstance(last, Built)
    assert [candle.timeframe for candle in last.candles] == [Timeframe.M5, Timeframe.M15, Timeframe.H1]
    assert last.incomplete == ()
