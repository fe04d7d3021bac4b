"""The features of a whole history as columns: the numbers that a bar-by-bar run gives, without its rows.

As bar by bar, nothing looks ahead, and an engine starts over where a bar is missing: a gap cuts the history into runs,
each is computed for itself, and the columns of all runs stand one behind the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.features.engine import IndicatorEngine
from core.features.frames_of_bars import BarTable
from core.features.indicators.base import IndicatorParameters
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
    candles: Sequence[Candle],
    parameters: IndicatorParameters,
    *,
    timeframes: Collection[Timeframe],
    features: Collection[str] | None = None,
) -> dict[Timeframe, FrameColumns]:
    """The columns of these time frames, each as far as whole candles of ``base`` make it up.

    ``candles`` are in order and differ. ``features``: only these and what they need; all by default.
    """
    table = BarTable(base, candles)
    found = {frame: table.columns(frame) for frame in timeframes}
    return {
        frame: _columns(symbol, frame, columns, parameters, features)
        for frame, columns in found.items()
        if len(columns["time"])
    }


def _columns(
    symbol: str,
    timeframe: Timeframe,
    candles: Mapping[str, Column],
    parameters: IndicatorParameters,
    features: Collection[str] | None,
) -> FrameColumns:
    opened = candles["time"].astype(np.int64)
    due = _due(timeframe, opened)
    cuts = (np.flatnonzero(opened[1:] != due[:-1]) + 1).tolist()
    runs = [
        IndicatorEngine(symbol, timeframe.value, parameters, features).batch(
            {name: np.ascontiguousarray(column[begin:end]) for name, column in candles.items()}
        )
        for begin, end in zip([0, *cuts], [*cuts, len(opened)], strict=True)
    ]
    columns = runs[0] if len(runs) == 1 else {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    return FrameColumns(symbol, timeframe, opened, due - 1, columns)


def _due(timeframe: Timeframe, opened: NDArray[np.int64]) -> NDArray[np.int64]:
    """When the bar after each opens; months differ in length."""
    if timeframe is Timeframe.MO1:
        return np.array([timeframe.next_open(time) for time in opened.tolist()], dtype=np.int64)
    return opened + timeframe.milliseconds
