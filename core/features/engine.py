"""One symbol and timeframe: a closed candle in, a full row of features out.

Invariant: the row of a bar is the same whether it came from ``warm_up``, ``update`` or ``batch``, and depends on no
later bar. Bars must follow each other without a gap; nothing is computed on a bar whose predecessor is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import numpy as np

from core.features.fusion import BarFunction, fuse, names_kept, unknown_rows
from core.features.fusion import FeatureRow as FeatureRow
from core.features.indicators.base import IndicatorParameters, StreamHandle, TalibIndicator
from core.features.registry import CANDLE_COLUMNS, build_indicators
from core.rules.frames import NAN, Column, wire_row
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


class CandleLike(Protocol):
    """What the engine reads of a candle (``shared.src.domain.candles.Candle`` has it)."""

    @property
    def time(self) -> int: ...
    @property
    def open(self) -> Decimal | float: ...
    @property
    def high(self) -> Decimal | float: ...
    @property
    def low(self) -> Decimal | float: ...
    @property
    def close(self) -> Decimal | float: ...
    @property
    def volume(self) -> Decimal | float: ...
    @property
    def quote_asset_volume(self) -> Decimal | float: ...
    @property
    def number_of_trades(self) -> int: ...


def bar_of(candle: CandleLike) -> tuple[float, ...]:
    """The numbers of a candle, its ``CANDLE_COLUMNS``. A quote volume of 0 beside a volume was not recorded."""
    volume = float(candle.volume)
    quote_asset_volume = float(candle.quote_asset_volume)
    trades = candle.number_of_trades
    return (
        float(candle.time),
        float(candle.open),
        float(candle.high),
        float(candle.low),
        float(candle.close),
        volume,
        quote_asset_volume if quote_asset_volume > 0 or volume == 0 else NAN,
        float(trades) if trades or volume == 0 else NAN,
    )


def columns_of(candles: Sequence[CandleLike]) -> dict[str, Column]:
    """Candles as columns, the input of ``batch``."""
    table = np.array([bar_of(candle) for candle in candles], dtype=np.float64).reshape(-1, len(CANDLE_COLUMNS))
    return {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(CANDLE_COLUMNS)}


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
        self._step = float(self.timeframe.milliseconds)

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
        steps = np.diff(times)
        wrong = np.flatnonzero(steps != self.timeframe.milliseconds)
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
        if self._last_open is not None and bar[0] != self._last_open + self._step:
            expected = int(self._last_open + self._step)
            raise SequenceError(f"{self.symbol} {self.timeframe}: bar at {candle.time} where {expected} is due")
        row = (self._bar or self._bind())(*bar)
        if self._waiting and any(handle.is_open for handle in self._waiting):
            self._bar = None
        self._last, self._last_open = self._with_lists(row), bar[0]
        return row

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
