"""One symbol and timeframe: a closed candle in, a full row of features out.

Invariant: the row of a bar is the same whether it came from ``warm_up``, ``update`` or ``batch``, and depends on no
later bar. Bars must follow each other without a gap; nothing is computed on a bar whose predecessor is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from core.features.candle_columns import CandleLike, bar_of, columns_of
from core.features.fusion import BarFunction, fuse, names_kept, unknown_rows
from core.features.fusion import FeatureRow as FeatureRow
from core.features.indicators.base import IndicatorParameters, StreamHandle, TalibIndicator
from core.features.registry import build_indicators
from core.rules.frames import Column, wire_row
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import RootTradingError

# earlier rows kept for formulas; the longest lookback of an indicator must fit
ROWS_KEPT = 8


class SequenceError(RootTradingError):
    """A candle does not follow the one before it: repair the gap and warm up again."""


@runtime_checkable
class HasLists(Protocol):
    """An indicator with features that are lists of prices; they go to the row, not to columns."""

    def lists(self) -> dict[str, list[float]]: ...


class IndicatorEngine:
    """The features of one symbol and timeframe.

    Args:
        symbol: for messages only.
        timeframe: sets the distance between bars.
        parameters: the user's windows.
        features: compute only these and what they need; everything by default.
    """

    def __init__(
        self,
        symbol: str,
        timeframe: str,
        parameters: IndicatorParameters | None = None,
        features: Iterable[str] | None = None,
    ) -> None:
        self.symbol = symbol
        self.timeframe = Timeframe(timeframe)
        self._indicators = build_indicators(parameters or IndicatorParameters(), features)
        self._kept_names = names_kept(self._indicators)
        self._kept = unknown_rows(self._kept_names, ROWS_KEPT)
        self._listing = [found for found in self._indicators if isinstance(found, HasLists)]
        # the streams that have not seen enough bars yet; the function of a bar is bound anew when one has
        self._waiting: list[StreamHandle] = []
        self._bar: BarFunction | None = None
        self._last: FeatureRow | None = None
        self._last_open: float | None = None
        # of a month, which has no length of its own, None
        self._step = None if self.timeframe is Timeframe.MO1 else float(self.timeframe.milliseconds)

    @property
    def last_open_time_ms(self) -> int | None:
        """Open time of the newest bar seen, None before the first."""
        return None if self._last_open is None else int(self._last_open)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of everything computed, in order of computation."""
        return tuple(name for indicator in self._indicators for name in indicator.writes)

    def warm_up(self, candles: Sequence[CandleLike]) -> None:
        """Start over from a history of closed candles, oldest first.

        Raises:
            SequenceError: the history has a gap.
        """
        columns = self.batch(columns_of(candles))
        self._kept = unknown_rows(self._kept_names, ROWS_KEPT)
        for index in range(max(0, len(candles) - ROWS_KEPT), len(candles)):
            self._kept.append({name: float(columns[name][index]) for name in self._kept_names})
        self._last, self._last_open = None, None
        if candles:
            last = {name: float(column[-1]) for name, column in columns.items()}
            self._last, self._last_open = self._with_lists({**wire_row(last)}), last["time"]

    def batch(self, candles: Mapping[str, Column]) -> dict[str, Column]:
        """Every feature over a whole history, as columns beside those of the candles.

        Raises:
            SequenceError: the history has a gap.
        """
        columns = dict(candles)
        times = columns["time"]
        if self._step is None:
            wrong = np.flatnonzero(times[1:] != [self._due(time) for time in times[:-1]])
        else:
            wrong = np.flatnonzero(np.diff(times) != self._step)
        if len(wrong):
            raise SequenceError(f"{self.symbol} {self.timeframe}: gap after the bar at {int(times[wrong[0]])}")
        for indicator in self._indicators:
            columns |= indicator.fill(columns, len(times))
        self._bar = None
        return columns

    def update(self, candle: CandleLike) -> FeatureRow:
        """Add one closed candle and return its features, unknown ones as None.

        Raises:
            SequenceError: the candle does not follow the last one.
        """
        bar = bar_of(candle)
        if self._last_open is not None and bar[0] != self._due(self._last_open):
            expected = int(self._due(self._last_open))
            raise SequenceError(f"{self.symbol} {self.timeframe}: bar at {candle.time} where {expected} is due")
        row = (self._bar or self._bind())(*bar)
        if self._waiting and any(handle.is_open for handle in self._waiting):
            self._bar = None
        self._last, self._last_open = self._with_lists(row), bar[0]
        return row

    def _due(self, last_open: float) -> float:
        """When the bar after the one that opened then opens."""
        return self.timeframe.next_open(int(last_open)) if self._step is None else last_open + self._step

    def _bind(self) -> BarFunction:
        handles = [
            handle for found in self._indicators if isinstance(found, TalibIndicator) for handle in found.handles
        ]
        self._waiting = [handle for handle in handles if not handle.is_open]
        self._bar = fuse(self._indicators, self._kept)
        return self._bar

    def _with_lists(self, row: FeatureRow) -> FeatureRow:
        for indicator in self._listing:
            row |= indicator.lists()
        return row

    def last_row(self) -> FeatureRow | None:
        """The features of the newest bar, None before the first."""
        return self._last
