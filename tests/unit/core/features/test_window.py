"""What strategies are given: rows in order, other series only as far as they had closed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analyzer.strategies.base_strategy import frame_of
from core.features.window import ROWS_KEPT, FeatureWindow
from core.rules.frames import BarFrame, ColumnFrame, align, numeric_row

MINUTE = 60_000


def values(close: float, **more: Any) -> dict[str, Any]:
    return {"open": close, "high": close, "low": close, "close": close, "volume": 1.0, **more}


def window_with(*closes: float) -> FeatureWindow:
    window = FeatureWindow()
    for index, close in enumerate(closes):
        window.push("BTCUSDC", "1m", MINUTE * (index + 1) - 1, values(close))
    return window


def test_market_data_has_the_names_of_the_developer_guide() -> None:
    data = window_with(1.0, 2.0).market_data("BTCUSDC", "1m", start_time=MINUTE)
    assert data["symbol"] == "BTCUSDC"
    assert data["startTime"] == MINUTE
    assert data["closeTime"] == 2 * MINUTE - 1
    assert (data["open"], data["high"], data["low"], data["close"], data["volume"]) == (2.0, 2.0, 2.0, 2.0, 1.0)
    assert [row["close"] for row in data["history"]] == [1.0, 2.0]


def test_a_repeated_bar_replaces_itself_and_an_older_one_is_ignored() -> None:
    window = window_with(1.0, 2.0)
    window.push("BTCUSDC", "1m", 2 * MINUTE - 1, values(2.5))
    window.push("BTCUSDC", "1m", MINUTE - 1, values(9.0))
    data = window.market_data("BTCUSDC", "1m", start_time=MINUTE)
    assert [row["close"] for row in data["history"]] == [1.0, 2.5]


def test_only_the_last_rows_are_kept() -> None:
    window = window_with(*(float(index) for index in range(50)))
    assert len(window.market_data("BTCUSDC", "1m", start_time=0)["history"]) == ROWS_KEPT


@pytest.mark.parametrize("first", [True, False])
def test_a_higher_bar_that_closes_at_the_same_instant_is_not_seen_whichever_arrives_first(first: bool) -> None:
    window = FeatureWindow()
    window.push("BTCUSDC", "5m", 5 * MINUTE - 1, values(10.0, ema_12=1.0))
    if first:
        window.push("BTCUSDC", "5m", 10 * MINUTE - 1, values(20.0, ema_12=2.0))
    for index in range(10):
        window.push("BTCUSDC", "1m", MINUTE * (index + 1) - 1, values(1.0))
    frame = frame_of(window.market_data("BTCUSDC", "1m", start_time=0))
    assert frame.higher("5m")["close"] == 10.0
    assert np.isnan(frame.higher("15m")["close"])


def test_other_symbols_are_seen_up_to_the_bar_before() -> None:
    window = window_with(1.0, 2.0)
    window.push("ETHUSDC", "1m", MINUTE - 1, values(5.0))
    window.push("ETHUSDC", "1m", 2 * MINUTE - 1, values(6.0))
    frame = frame_of(window.market_data("BTCUSDC", "1m", start_time=0, peers=("ETHUSDC", "SOLUSDC", "BTCUSDC")))
    assert frame.peers == ["ETHUSDC"]
    assert frame.peer("ETHUSDC")["close"] == 5.0


def test_the_trend_above_is_unknown_until_it_is_known_and_none_at_the_top() -> None:
    window = window_with(1.0)
    assert window.higher_trend("BTCUSDC", "1m") == {"higher_timeframe": "5m", "higher_trend": None}
    rising = values(103.0, ema_12=102.0, ema_26=101.0, ema_50=100.0)
    window.push("BTCUSDC", "5m", -1, rising)
    assert window.higher_trend("BTCUSDC", "1m") == {"higher_timeframe": "5m", "higher_trend": 1.0}
    window.push("BTCUSDC", "1d", 0, rising)
    assert window.higher_trend("BTCUSDC", "1d") == {"higher_timeframe": None, "higher_trend": None}


def test_a_strategy_can_be_asked_with_a_plain_history() -> None:
    rows = [values(1.0, rsi_14=None), values(2.0, market_regime="RANGING", bb_squeeze=True)]
    frame = frame_of({"symbol": "BTCUSDC", "timeframe": "1m", "history": rows})
    assert frame["close"] == 2.0
    assert np.isnan(frame.prev("rsi_14"))
    assert frame.label("market_regime", "RANGING")
    assert frame["bb_squeeze"] == 1.0


def test_a_misspelt_label_is_an_error_and_not_a_rule_that_never_fires() -> None:
    with pytest.raises(KeyError):
        BarFrame([numeric_row({"market_regime": "RANGING"})]).label("market_regime", "RANGEING")


def test_columns_of_another_timeframe_look_back_in_its_own_bars() -> None:
    base, other = np.array([100.0, 200.0, 300.0, 400.0]), np.array([150.0, 300.0])
    frame = ColumnFrame(
        {}, length=4, timeframe="1m", higher={"5m": align({"close": np.array([1.0, 2.0])}, other, base)}
    )
    np.testing.assert_array_equal(frame.higher("5m")["close"], [np.nan, 1.0, 1.0, 2.0])
    np.testing.assert_array_equal(frame.higher("5m").prev("close"), [np.nan, np.nan, np.nan, 1.0])
