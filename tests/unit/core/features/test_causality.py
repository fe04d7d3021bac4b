"""No feature knows a later bar."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.features.candle_columns import CANDLE_COLUMNS
from core.features.engine import IndicatorEngine
from tests.unit.core.features.market import generated
from tests.unit.core.features.recordings import recorded
from tests.unit.core.features.test_engine_equality import batch


@pytest.mark.parametrize("cut", [60, 333, 707, 899])
def test_changing_every_later_candle_changes_no_earlier_feature(cut: int) -> None:
    candles = generated(900, seed=21)
    other = generated(900, seed=99)
    factor = candles[cut].close / other[cut].close
    changed = candles[: cut + 1] + [
        dataclasses.replace(
            bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor, close=bar.close * factor
        )
        for bar in other[cut + 1 :]
    ]
    before, after = batch(candles), batch(changed)
    for name, column in before.items():
        np.testing.assert_array_equal(column[: cut + 1], after[name][: cut + 1], err_msg=name)


@pytest.mark.parametrize("cut", [1, 45, 250, 640])
def test_cutting_the_history_anywhere_leaves_the_features_before_the_cut(cut: int) -> None:
    candles = generated(900, seed=22)
    whole, part = batch(candles), batch(candles[:cut])
    for name, column in part.items():
        np.testing.assert_array_equal(column, whole[name][:cut], err_msg=name)


@pytest.mark.parametrize("recording", ["ADAUSDT-1m-2025-06", "BTCUSDT-5m-2025q2"])
def test_recorded_markets_cut_anywhere_keep_their_features(recording: str) -> None:
    candles, timeframe = recorded(recording, 3000), recording.split("-")[1]
    whole = batch(candles, timeframe)
    for cut in (777, 1501, 2998):
        for name, column in batch(candles[:cut], timeframe).items():
            np.testing.assert_array_equal(column, whole[name][:cut], err_msg=name)


def test_every_feature_is_compared_and_known_before_the_cuts() -> None:
    columns = batch(generated(900, seed=21))
    assert set(columns) == {*IndicatorEngine("TEST", "1m").features, *CANDLE_COLUMNS}
    for name, column in columns.items():
        assert not np.isnan(column[:333]).all(), name
