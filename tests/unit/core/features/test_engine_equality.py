"""One bar at a time and whole columns give the same numbers; ``test_textbook`` says that they are the right ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine, SequenceError
from core.rules.frames import Column, numeric_row
from tests.unit.core.features.market import Bar, generated
from tests.unit.core.features.recordings import NAMES, recorded

PEPE = 2.0**-17


def batch(candles: Sequence[Bar], timeframe: str = "1m") -> dict[str, Column]:
    return IndicatorEngine("TEST", timeframe).batch(columns_of(candles))


def differences(row: dict[str, float], columns: dict[str, Column], index: int) -> list[str]:
    """Features of a row that are not, to the bit, what the columns say."""
    return [
        f"{name}: {value} is not {columns[name][index]}"
        for name, value in row.items()
        if not (value == columns[name][index] or (value != value and np.isnan(columns[name][index])))
    ]


@pytest.mark.parametrize("price", [1.0, PEPE, 65536.0])
def test_every_bar_updates_to_what_the_batch_says_from_the_first_bar_on(price: float) -> None:
    candles = generated(900, price=price)
    columns = batch(candles)
    engine = IndicatorEngine("TEST", "1m")
    for index, candle in enumerate(candles):
        row = engine.update(candle)
        assert differences(numeric_row(row), columns, index) == [], f"bar {index}"


@pytest.mark.parametrize("warm", [0, 1, 3, 27, 60, 130, 500, 701])
def test_an_engine_warmed_up_anywhere_goes_on_as_if_it_had_seen_every_bar(warm: int) -> None:
    candles = generated(900, seed=11)
    columns = batch(candles)
    engine = IndicatorEngine("TEST", "1m")
    engine.warm_up(candles[:warm])
    for index in range(warm, 900):
        row = engine.update(candles[index])
        assert differences(numeric_row(row), columns, index) == [], f"bar {index}"


@pytest.mark.parametrize("name", NAMES)
def test_recorded_markets_update_to_what_the_batch_says(name: str) -> None:
    candles = recorded(name, 1200)
    timeframe = name.split("-")[1]
    columns = batch(candles, timeframe)
    engine = IndicatorEngine("TEST", timeframe)
    for index, candle in enumerate(candles):
        row = engine.update(candle)
        assert differences(numeric_row(row), columns, index) == [], f"bar {index}"


def test_the_row_after_warm_up_is_the_row_of_the_last_update() -> None:
    candles = generated(400, seed=5)
    warmed, updated = IndicatorEngine("TEST", "1m"), IndicatorEngine("TEST", "1m")
    warmed.warm_up(candles)
    rows = [updated.update(candle) for candle in candles]
    assert warmed.last_row() == rows[-1]


def test_a_price_a_hundred_thousand_times_smaller_has_the_same_scale_free_features() -> None:
    large, small = batch(generated(900, price=1.0)), batch(generated(900, price=PEPE))
    for name in ("rsi_14", "zscore_20", "bb_position", "adx_14", "market_regime", "confluence_score", "momentum_score"):
        np.testing.assert_allclose(small[name], large[name], rtol=1e-9)


def test_nothing_is_known_before_its_window_is_full_and_nothing_reads_zero_instead() -> None:
    engine = IndicatorEngine("TEST", "1m")
    rows = [engine.update(candle) for candle in generated(120)]
    assert rows[13]["rsi_14"] is None
    assert rows[14]["rsi_14"] is not None
    assert rows[18]["bb_upper"] is None
    assert rows[0]["volume_ratio"] is None
    assert rows[97]["ema_99"] is None
    assert rows[98]["ema_99"] is not None
    assert rows[50]["market_regime"] is None


def test_a_missing_bar_stops_the_engine_instead_of_being_computed_over() -> None:
    candles = generated(100)
    engine = IndicatorEngine("TEST", "1m")
    engine.warm_up(candles[:50])
    with pytest.raises(SequenceError, match="is due"):
        engine.update(candles[51])
    with pytest.raises(SequenceError, match="gap after"):
        engine.warm_up(candles[:20] + candles[25:40])


def test_only_what_is_asked_for_and_needed_is_computed() -> None:
    engine = IndicatorEngine("TEST", "1m", features=("macd_signal_cross",))
    assert set(engine.features) == {
        "macd_line",
        "macd_signal",
        "macd_histogram",
        "macd_zero_cross",
        "macd_signal_cross",
        "macd_trend",
    }
