"""The last feature rows of every symbol and timeframe, and the ``market_data`` that strategies get from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from analyzer.strategies.base_strategy import MarketData
from shared.src.indicators.frames import BarFrame, Row, numeric_row

# the longest lookback of a rule must fit, with its own bar
ROWS_KEPT = 12
CANDLE = ("open", "high", "low", "close", "volume")
WireRow = Mapping[str, object]


class FeatureWindow:
    """Rows as they arrive, in order; a repeated bar replaces itself, an older one is ignored."""

    def __init__(self, rows_kept: int = ROWS_KEPT) -> None:
        self._rows_kept = rows_kept
        self._numbers: dict[tuple[str, str], deque[Row]] = {}
        self._wire: dict[tuple[str, str], deque[WireRow]] = {}
        self._close_times: dict[tuple[str, str], int] = {}

    def push(self, symbol: str, timeframe: str, close_time: int, values: WireRow) -> None:
        """Add the features of one closed bar (``FeatureFrame.values``)."""
        key = (symbol, timeframe)
        numbers = self._numbers.setdefault(key, deque(maxlen=self._rows_kept))
        wire = self._wire.setdefault(key, deque(maxlen=self._rows_kept))
        last = self._close_times.get(key)
        if last is not None and close_time < last:
            return
        if last == close_time:
            numbers.pop()
            wire.pop()
        numbers.append(numeric_row(values))
        wire.append(values)
        self._close_times[key] = close_time

    def market_data(self, symbol: str, timeframe: str, *, start_time: int, peers: Iterable[str] = ()) -> MarketData:
        """What a strategy is given for the newest bar of a symbol and timeframe.

        Other timeframes and symbols are included as far as they had closed by then, so a later bar is never read.

        Raises:
            KeyError: no bar of this symbol and timeframe has been pushed.
        """
        key = (symbol, timeframe)
        wire, close_time = self._wire[key], self._close_times[key]
        higher = self._closed_by(close_time, ((symbol, other) for s, other in self._wire if s == symbol))
        others = self._closed_by(close_time, ((other, timeframe) for other in peers if other != symbol))
        features = wire[-1]
        return {
            "symbol": symbol,
            "timeframe": timeframe,
            "startTime": start_time,
            "closeTime": close_time,
            **{name: features.get(name) for name in CANDLE},
            "features": features,
            "history": list(wire),
            "frame": BarFrame(
                self._numbers[key],
                symbol=symbol,
                timeframe=timeframe,
                higher={frame: rows for (_, frame), rows in higher.items() if frame != timeframe},
                peers={other: rows for (other, _), rows in others.items()},
            ),
        }

    def _closed_by(self, close_time: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], deque[Row]]:
        return {
            key: self._numbers[key] for key in keys if key in self._numbers and self._close_times[key] <= close_time
        }
