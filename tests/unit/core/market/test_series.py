"""The line of candles that leaves the gateway has no holes, no repeats, no open candle."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.market.series import Built, CandleSeries, unbroken
from shared.src.domain.candles import Candle, Gap, Timeframe

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
                published.append(repaired.candles[0].time)
            result = series.append(minute(index))
        if isinstance(result, Built):
            published.append(result.candles[0].time)
    assert published == [published[0] + step * MINUTE for step in range(len(published))] if published else True


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


def test_candles_are_cut_where_one_is_missing() -> None:
    runs = list(unbroken([minute(index) for index in (0, 1, 2, 4, 7, 8)]))
    assert [[candle.time // MINUTE for candle in run] for run in runs] == [[0, 1, 2], [4], [7, 8]]
    assert list(unbroken([])) == []
