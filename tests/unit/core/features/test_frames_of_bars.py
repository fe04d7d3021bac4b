"""Higher candles as columns are those that the live series builds, whatever was traded and however it was written."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.features.candle_columns import columns_of
from core.features.frames_of_bars import BarTable, RecordedAmounts
from core.market.series import Built, CandleSeries, above
from shared.src.domain.candles import MINUTE_MS, Candle, Gap, Timeframe

START_MS = 1_767_225_600_000
amounts = st.decimals(min_value=0, max_value=10_000, places=5)


@st.composite
def minutes(draw: st.DrawFn) -> list[Candle]:
    """Minutes of an hour and a half, some of them quiet and some missing."""
    found = []
    for place in range(90):
        if draw(st.integers(0, 40)) == 0:
            continue
        numbers = sorted(draw(st.lists(st.integers(90, 110), min_size=4, max_size=4)))
        low, opened, close, high = map(Decimal, numbers)
        volume = draw(amounts) if draw(st.booleans()) else Decimal(0)
        found.append(
            Candle(
                "BTCUSDC",
                Timeframe.M1,
                START_MS + place * MINUTE_MS,
                opened,
                high,
                low,
                close,
                volume,
                quote_asset_volume=draw(st.sampled_from([Decimal(0), volume * 100])),
                number_of_trades=draw(st.integers(0, 3)) if volume else 0,
            )
        )
    return found


def by_the_series(candles: list[Candle], timeframe: Timeframe) -> list[Candle]:
    series, found = CandleSeries("BTCUSDC"), []
    for candle in candles:
        built = series.append(candle)
        if isinstance(built, Gap):
            series.last_open_ms = None
            built = series.append(candle)
        assert isinstance(built, Built)
        found += [closed for closed in built.candles if closed.timeframe is timeframe]
    return found


@settings(max_examples=40, deadline=None)
@given(minutes())
def test_columns_are_the_candles_of_the_series(candles: list[Candle]) -> None:
    table = BarTable(Timeframe.M1, candles) if candles else None
    for timeframe in above(Timeframe.M1) if table is not None else ():
        assert table is not None
        expected = columns_of(by_the_series(candles, timeframe))
        for name, column in table.columns(timeframe).items():
            np.testing.assert_array_equal(column, expected[name], err_msg=f"{timeframe} {name}")


@pytest.mark.parametrize("unit", ["0.00000001", "1", "1000000000000"])
def test_sums_are_those_of_decimals(unit: str) -> None:
    amounts = [Decimal(number * 7 % 1009) * Decimal(unit) + Decimal("0.1") for number in range(1_000)]
    begins = np.arange(0, 1_000, 15)
    expected = [float(sum(amounts[begin : begin + 15], Decimal(0))) for begin in begins.tolist()]
    assert RecordedAmounts(amounts).sums(begins).tolist() == expected
