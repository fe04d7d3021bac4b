"""Feature rows in memory: what ``analyzer_data`` holds, for the platform in one process."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from sortedcontainers import SortedDict

from shared.memory.candles import MemoryCandleStore
from shared.src.domain.candles import Timeframe
from shared.src.domain.features import BarFeatures

ROWS_KEPT: Final = 64
Place = tuple[str, Timeframe, int]


class MemoryFeatureTable:
    """Written by the market analyzer, read by the analyzer. Knows of each row which candles it was computed from.

    Of a series the newest ``rows_kept`` rows are kept, which is more than anybody looks back on: a row has hundreds of
    numbers, and months of them would not fit.
    """

    def __init__(self, candles: MemoryCandleStore, *, rows_kept: int = ROWS_KEPT) -> None:
        self._candles = candles
        self._rows_kept = rows_kept
        self._series: dict[tuple[str, Timeframe], SortedDict[int, BarFeatures]] = {}
        self._revisions: dict[Place, int] = {}

    def put(self, rows: Iterable[BarFeatures]) -> None:
        """Keep rows; a row of the same bar is replaced."""
        for row in rows:
            series = self._series.setdefault((row.symbol, row.timeframe), SortedDict())
            series[row.time] = row
            if len(series) > self._rows_kept:
                series.popitem(0)
            self._revisions[(row.symbol, row.timeframe, row.time)] = self._candles.revision

    def newest(self, symbol: str, timeframe: Timeframe) -> int | None:
        """Open time in ms of the newest bar that has features."""
        series = self._series.get((symbol, timeframe))
        return None if series is None else series.peekitem()[0]

    def is_outdated(self, place: Place) -> bool:
        """Whether the bar's candle is stored and has changed since its features were, or has none."""
        candle = self._candles.revision_of(*place)
        return candle is not None and candle > self._revisions.get(place, -1)

    def tail(self, *, count: int, before_ms: int) -> list[BarFeatures]:
        """The newest ``count`` rows of each series that closed before ``before_ms``, oldest first, as far as kept."""
        rows = []
        for (symbol, timeframe), series in self._series.items():
            until = before_ms - timeframe.milliseconds + 1
            times = islice(series.irange(maximum=until, inclusive=(True, False), reverse=True), count)
            rows += [
                series[time_ms]
                for time_ms in times
                if self._candles.revision_of(symbol, timeframe, time_ms) is not None
            ]
        return sorted(rows, key=lambda row: (row.time, row.symbol, row.timeframe.milliseconds))
