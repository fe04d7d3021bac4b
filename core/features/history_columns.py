"""The features of a whole history as columns: the numbers that a bar-by-bar run gives, without its rows.

As bar by bar, nothing looks ahead, and an engine starts over where a bar is missing: a gap cuts the history into runs,
each is computed for itself, and the columns of all runs stand one behind the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.features.replay import closed_candles
from core.market.series import CandleSeries
from core.rules.frames import Column
from shared.src.domain.candles import Candle, Timeframe


@dataclass(frozen=True, slots=True)
class FrameColumns:
    """Every bar of one symbol and time frame: open and close times (ms UTC) and a column for each feature."""

    symbol: str
    timeframe: Timeframe
    times: NDArray[np.int64]
    close_times: NDArray[np.int64]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.times)


def frame_columns(
    symbol: str,
    base: Timeframe,
    candles: Iterable[Candle],
    parameters: IndicatorParameters,
    *,
    timeframes: Collection[Timeframe],
    features: Collection[str] | None = None,
) -> dict[Timeframe, FrameColumns]:
    """The columns of these time frames, each as far as whole candles of ``base`` make it up.

    ``candles`` are in order and differ. ``features``: only these and what they need; all by default.
    """
    bars: dict[Timeframe, list[Candle]] = {frame: [] for frame in timeframes}
    series = CandleSeries(symbol, base)
    for candle in candles:
        for closed in closed_candles(series, candle):
            if closed.timeframe in bars:
                bars[closed.timeframe].append(closed)
    return {frame: _columns(symbol, frame, found, parameters, features) for frame, found in bars.items() if found}


def _columns(
    symbol: str,
    timeframe: Timeframe,
    bars: Sequence[Candle],
    parameters: IndicatorParameters,
    features: Collection[str] | None,
) -> FrameColumns:
    opened = [bar.time for bar in bars]
    due = [timeframe.next_open(time) for time in opened]
    cuts = [place for place in range(1, len(bars)) if opened[place] != due[place - 1]]
    runs = [
        IndicatorEngine(symbol, timeframe.value, parameters, features).batch(columns_of(bars[begin:end]))
        for begin, end in zip([0, *cuts], [*cuts, len(bars)], strict=True)
    ]
    columns = runs[0] if len(runs) == 1 else {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    return FrameColumns(
        symbol,
        timeframe,
        np.array(opened, dtype=np.int64),
        np.array(due, dtype=np.int64) - 1,
        columns,
    )
