"""A higher candle while it forms: what the minutes so far add up to, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe, merge
from visualization.src.forming import FormingCandle


def minute(number: int, close: str = "100", *, high: str = "110", is_closed: bool = True) -> Candle:
    return Candle(
        symbol="BTCUSDC",
        timeframe=Timeframe.M1,
        time=number * MINUTE_MS,
        open=Decimal(100),
        high=Decimal(high),
        low=Decimal(90),
        close=Decimal(close),
        volume=Decimal(2),
        is_closed=is_closed,
    )


def test_an_open_minute_moves_the_candle_and_is_replaced_by_its_later_self() -> None:
    forming = FormingCandle(Timeframe.M5, [minute(5), minute(6)])
    forming.apply(minute(7, "101", is_closed=False))
    candle = forming.apply(minute(7, "103", high="120", is_closed=False))
    assert candle is not None
    assert (candle.time, candle.close, candle.high, candle.volume) == (
        5 * MINUTE_MS,
        Decimal(103),
        Decimal(120),
        Decimal(6),
    )
    assert not candle.is_closed


def test_a_closed_minute_is_not_reopened_by_a_late_notice() -> None:
    forming = FormingCandle(Timeframe.M5, [minute(5, "105")])
    candle = forming.apply(minute(5, "99", is_closed=False))
    assert candle is not None
    assert candle.close == Decimal(105)


def test_the_whole_interval_equals_the_candle_that_is_stored() -> None:
    minutes = [minute(number, str(100 + number)) for number in range(10, 15)]
    minutes = [replace(each, high=Decimal(200)) for each in minutes]
    minutes[0] = replace(minutes[0], open=Decimal(300), high=Decimal(300), close=Decimal(300), volume=Decimal(0))
    forming = FormingCandle(Timeframe.M5)
    candle = None
    for each in minutes:
        candle = forming.apply(each)
    assert candle == merge(minutes, Timeframe.M5)


def test_a_new_interval_starts_afresh_and_an_old_one_is_ignored() -> None:
    forming = FormingCandle(Timeframe.M5, [minute(5), minute(9)])
    started = forming.apply(minute(10, "100", is_closed=False))
    assert started is not None
    assert (started.time, started.volume) == (10 * MINUTE_MS, Decimal(2))
    assert forming.apply(minute(9)) is None
