"""What the examination of a history finds, and what is beyond its limits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from backtester.history.certificate import ReadingNotes, Stretch, examine
from shared.src.domain.candles import Candle, Timeframe
from tests.unit.backtester.history.bars import MINUTE_MS, START_MS, bars, candle, candles, silent, without


def test_a_whole_history_is_certified() -> None:
    found = examine(bars(candles(1_000)))
    assert found.is_certified
    assert (found.rows, found.missing.bars, found.quiet_bars, found.halts.count) == (1_000, 0, 0, 0)
    assert found.document()["to"] == "2024-01-01T16:40:00+00:00"


def test_a_hole_is_found_with_its_place_and_length() -> None:
    found = examine(bars(without(candles(10_000), 400, 5)))
    assert found.missing.listed == (Stretch(START_MS + 400 * MINUTE_MS, 5),)
    assert found.is_certified, found.reasons


@pytest.mark.parametrize("hole", [101, 500])
def test_more_than_a_hundredth_missing_is_not_certified(hole: int) -> None:
    found = examine(bars(without(candles(10_000), 400, hole)))
    assert found.reasons == (f"{hole} of 10000 bars are missing",)


def test_more_than_a_week_in_a_row_missing_is_not_certified() -> None:
    week = 7 * 24
    places = (*range(10), *range(10 + week + 1, 100 * (week + 20)))
    made = [candle(place, frame=Timeframe.H1) for place in places]
    assert examine(bars(made)).reasons == (f"{week + 1} bars in a row are missing",)


def test_a_month_is_no_hole_because_it_is_short() -> None:
    opens, time_ms = [], START_MS
    for _ in range(30):
        opens.append(time_ms)
        time_ms = Timeframe.MO1.next_open(time_ms)
    made = [replace(candle(place), timeframe=Timeframe.MO1, time=at) for place, at in enumerate(opens)]
    assert examine(bars(made)).missing.bars == 0
    assert examine(bars(without(made, 7, 1))).missing.listed == (Stretch(opens[7], 1),)


def spike(made: Candle, *, high: str = "1", low: str = "1") -> Candle:
    return replace(made, high=made.high * Decimal(high), low=made.low * Decimal(low))


@pytest.mark.parametrize("odd", [{"high": "1.4"}, {"low": "0.6"}, {"high": "10"}, {"low": "0.01"}])
def test_a_price_that_no_neighbour_saw_is_not_certified(odd: dict[str, str]) -> None:
    made = candles(500)
    made[77] = spike(made[77], **odd)
    found = examine(bars(made))
    assert found.outliers == (made[77].time,)
    assert found.reasons == ("1 bars show prices that their neighbours never saw, the first 2024-01-01T01:17:00+00:00",)


def test_a_crash_that_lasts_is_no_misprint() -> None:
    half = Decimal("0.5")
    made = [
        made
        if place < 250
        else replace(made, **{name: getattr(made, name) * half for name in ("open", "high", "low", "close")})
        for place, made in enumerate(candles(500))
    ]
    made[250] = replace(made[250], open=made[249].close, high=made[249].close)
    assert examine(bars(made)).outliers == ()


def test_long_silence_in_a_busy_market_is_a_halt() -> None:
    made = [silent(item) if 300 <= place < 340 else item for place, item in enumerate(candles(2_000))]
    found = examine(bars(made))
    assert found.halts.listed == found.quiet.listed == (Stretch(made[300].time, 40),)
    assert found.is_certified


def test_silence_in_a_quiet_market_is_none() -> None:
    made = [silent(item) if place % 2 or 300 <= place < 340 else item for place, item in enumerate(candles(2_000))]
    found = examine(bars(made))
    assert (found.halts.count, found.quiet.count) == (0, 1)


def test_where_hardly_anything_trades_nobody_could_have() -> None:
    made = [item if place % 20 == 0 else silent(item) for place, item in enumerate(candles(2_000))]
    assert examine(bars(made)).reasons == ("1900 of 2000 bars have no trade",)


def test_rows_that_contradict_each_other_are_counted() -> None:
    found = examine(bars(candles(1_000)), ReadingNotes(repeated=9, corrected=2))
    assert found.reasons == ("2 rows contradict an earlier row of the same bar",)
    assert examine(bars(candles(1_000)), ReadingNotes(repeated=9, moved=4)).is_certified


def test_the_hash_is_of_the_bars_alone() -> None:
    one, same = bars(candles(50)), bars(candles(50))
    other = bars([*candles(49), replace(candle(49), volume=Decimal("1.23457"))])
    assert one.sha256() == same.sha256() != other.sha256()
    assert one.taken(np.arange(50)).sha256() == one.sha256()


def test_values_come_back_as_they_were_written() -> None:
    made = candles(20)
    assert list(bars(made).candles()) == made


def test_nothing_cannot_be_examined() -> None:
    with pytest.raises(ValueError, match="without bars"):
        examine(bars(candles(1)).taken(slice(0, 0)))
