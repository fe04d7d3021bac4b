"""Features of a whole history as columns: the numbers of a bar-by-bar run, across gaps and on every time frame."""

from __future__ import annotations

import numpy as np

from cli.offline.history_run import features_of_history
from cli.offline.strategy_check import generated
from core.features.history_columns import FrameColumns, frame_columns
from core.features.indicators.base import IndicatorParameters
from core.rules.frames import numeric_row
from shared.src.domain.candles import Timeframe
from shared.src.domain.features import BarFeatures
from shared.src.market.recorded_history import RecordedHistory

FRAMES = (Timeframe.M1, Timeframe.M5, Timeframe.M15)
PARAMETERS = IndicatorParameters()


def with_a_gap() -> RecordedHistory:
    """Two runs of bars, with forty minutes missing in between."""
    history = generated(Timeframe.M1)[0]
    return RecordedHistory(history.symbol, history.timeframe, history.candles[:700] + history.candles[740:])


def assert_same(columns: FrameColumns, bars: list[BarFeatures]) -> None:
    assert columns.times.tolist() == [bar.time for bar in bars]
    assert columns.close_times.tolist() == [bar.close_time for bar in bars]
    rows = [numeric_row(bar.values) for bar in bars]
    for name, column in columns.columns.items():
        np.testing.assert_array_equal(column, [row.get(name, np.nan) for row in rows], err_msg=name)


def test_columns_hold_the_numbers_that_bars_have() -> None:
    history = with_a_gap()
    found = frame_columns(history.symbol, history.timeframe, history.candles, PARAMETERS, timeframes=FRAMES)
    bars = list(features_of_history(history, PARAMETERS, FRAMES))
    for timeframe in FRAMES:
        assert_same(found[timeframe], [bar for bar in bars if bar.timeframe is timeframe])


def test_only_the_features_asked_for_are_computed_and_they_are_the_same() -> None:
    history = with_a_gap()
    asked = {"ema_12", "rsi_14", "market_regime"}
    some, everything = (
        frame_columns(
            history.symbol,
            history.timeframe,
            history.candles,
            PARAMETERS,
            timeframes=(Timeframe.M1,),
            features=features,
        )[Timeframe.M1].columns
        for features in (asked, None)
    )
    assert asked <= set(some) < set(everything)
    for name in asked:
        np.testing.assert_array_equal(some[name], everything[name])
