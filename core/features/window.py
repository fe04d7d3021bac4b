"""The last feature rows of every symbol and timeframe, and the ``market_data`` that strategies get from them.

A decision sees the bars of other timeframes and symbols that closed *before* its own bar did. What closes at the same
instant may arrive first or last; leaving it out makes the decision the same live, in a replay and on columns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from analyzer.strategies.base_strategy import MarketData
from core.rules.frames import BarFrame, Row, numeric_row
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES, trend_of

# the longest lookback of a rule must fit, with its own bar
ROWS_KEPT = 12
CANDLE = ("open", "high", "low", "close", "volume")
WireRow = Mapping[str, object]


class _Series:
    """The rows of one symbol and timeframe, oldest first."""

    __slots__ = ("numbers", "times", "wire")

    def __init__(self, rows_kept: int) -> None:
        self.times: deque[int] = deque(maxlen=rows_kept)
        self.numbers: deque[Row] = deque(maxlen=rows_kept)
        self.wire: deque[WireRow] = deque(maxlen=rows_kept)

    def push(self, close_time: int, values: WireRow) -> None:
        if self.times and close_time < self.times[-1]:
            return
        if self.times and close_time == self.times[-1]:
            for kept in (self.times, self.numbers, self.wire):
                kept.pop()
        self.times.append(close_time)
        self.numbers.append(numeric_row(values))
        self.wire.append(values)

    def revise(self, close_time: int, values: WireRow) -> None:
        if close_time in self.times:
            place = self.times.index(close_time)
            self.numbers[place] = numeric_row(values)
            self.wire[place] = values

    def before(self, close_time: int) -> Sequence[Row]:
        if not self.times or self.times[-1] < close_time:
            return self.numbers
        return [row for time, row in zip(self.times, self.numbers, strict=True) if time < close_time]


class FeatureWindow:
    """Rows as they arrive, in order; a repeated bar replaces itself, an older one is ignored."""

    def __init__(self, rows_kept: int = ROWS_KEPT) -> None:
        self._rows_kept = rows_kept
        self._series: dict[tuple[str, str], _Series] = {}

    def push(self, symbol: str, timeframe: str, close_time: int, values: WireRow) -> None:
        """Add the features of one closed bar (``FeatureFrame.values``)."""
        key = (symbol, timeframe)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(self._rows_kept)
        series.push(close_time, values)

    def revise(self, symbol: str, timeframe: str, close_time: int, values: WireRow) -> None:
        """Replace a row that was computed again; one that is not kept any more needs no replacing."""
        series = self._series.get((symbol, timeframe))
        if series is not None:
            series.revise(close_time, values)

    def symbols(self, timeframe: str) -> list[str]:
        """The symbols that have rows of a timeframe, in one order everywhere."""
        return sorted(symbol for symbol, known in self._series if known == timeframe)

    def market_data(self, symbol: str, timeframe: str, *, start_time: int, peers: Iterable[str] = ()) -> MarketData:
        """What a strategy is given for the newest bar of a symbol and timeframe.

        Raises:
            KeyError: no bar of this symbol and timeframe has been pushed.
        """
        series = self._series[(symbol, timeframe)]
        close_time = series.times[-1]
        features = series.wire[-1]
        higher = {name: self._before(symbol, name, close_time) for name in HIGHER_TIMEFRAMES.get(timeframe, ())}
        others = {name: self._before(name, timeframe, close_time) for name in peers if name != symbol}
        return {
            "symbol": symbol,
            "timeframe": timeframe,
            "startTime": start_time,
            "closeTime": close_time,
            **{name: features.get(name) for name in CANDLE},
            "features": features,
            "history": list(series.wire),
            "frame": BarFrame(
                series.numbers,
                symbol=symbol,
                timeframe=timeframe,
                higher={name: rows for name, rows in higher.items() if rows},
                peers={name: rows for name, rows in others.items() if rows},
            ),
        }

    def higher_trend(self, symbol: str, timeframe: str) -> dict[str, str | float | None]:
        """What the critical filters read of the timeframe above: its name (None at the top) and its trend.

        Raises:
            KeyError: no bar of this symbol and timeframe has been pushed.
        """
        above = HIGHER_TIMEFRAMES.get(timeframe, ())
        if not above:
            return {"higher_timeframe": None, "higher_trend": None}
        rows = self._before(symbol, above[0], self._series[(symbol, timeframe)].times[-1])
        trend = trend_of(BarFrame(rows, symbol=symbol, timeframe=above[0]))
        return {"higher_timeframe": above[0], "higher_trend": float(trend) if trend == trend else None}

    def _before(self, symbol: str, timeframe: str, close_time: int) -> Sequence[Row]:
        series = self._series.get((symbol, timeframe))
        return series.before(close_time) if series is not None else ()
