"""One symbol and timeframe: a closed candle in, a full row of features out.

Invariant: the row of a bar is the same whether it came from ``warm_up``, ``update`` or ``batch``, and depends on no
later bar. Bars must follow each other without a gap; nothing is computed on a bar whose predecessor is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import numpy as np

from market_analyzer.src.indicators.base import IndicatorParameters, MutableRow
from market_analyzer.src.indicators.fusion import fuse
from market_analyzer.src.indicators.registry import CANDLE_COLUMNS, build_indicators
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import RootTradingError
from shared.src.indicators.frames import NAN, Column, wire_row

# earlier rows kept for formulas; the longest lookback of an indicator must fit
ROWS_KEPT = 8
FeatureRow = dict[str, float | int | bool | str | list[float] | None]


class SequenceError(RootTradingError):
    """A candle does not follow the one before it: repair the gap and warm up again."""


@runtime_checkable
class HasLists(Protocol):
    """An indicator with features that are lists of prices; they go to the row, not to columns."""

    def lists(self) -> dict[str, list[float]]: ...


class CandleLike(Protocol):
    """What the engine reads of a candle (``shared.src.domain.candles.Candle`` has it)."""

    @property
    def open_time_ms(self) -> int: ...
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
    def quote_volume(self) -> Decimal | float: ...
    @property
    def trades(self) -> int: ...


def bar_of(candle: CandleLike) -> MutableRow:
    """The numbers of a candle. A quote volume of 0 beside a volume was not recorded: unknown, not 0."""
    volume = float(candle.volume)
    quote_volume = float(candle.quote_volume)
    recorded = quote_volume > 0 or volume == 0
    return {
        "open_time": float(candle.open_time_ms),
        "open": float(candle.open),
        "high": float(candle.high),
        "low": float(candle.low),
        "close": float(candle.close),
        "volume": volume,
        "quote_volume": quote_volume if recorded else NAN,
        "trades": float(candle.trades) if candle.trades or volume == 0 else NAN,
    }


def columns_of(candles: Sequence[CandleLike]) -> dict[str, Column]:
    """Candles as columns, the input of ``batch``."""
    bars = [bar_of(candle) for candle in candles]
    return {name: np.array([bar[name] for bar in bars], dtype=np.float64) for name in CANDLE_COLUMNS}


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
        self._steps = fuse(self._indicators)
        self._listing = [found for found in self._indicators if isinstance(found, HasLists)]
        self._rows: deque[MutableRow] = deque(maxlen=ROWS_KEPT)

    @property
    def last_open_time_ms(self) -> int | None:
        """Open time of the newest bar seen, None before the first."""
        return int(self._rows[-1]["open_time"]) if self._rows else None

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
        self._rows.clear()
        for index in range(max(0, len(candles) - ROWS_KEPT), len(candles)):
            self._rows.append({name: float(column[index]) for name, column in columns.items()})

    def batch(self, candles: Mapping[str, Column]) -> dict[str, Column]:
        """Every feature over a whole history, as columns beside those of the candles.

        Raises:
            SequenceError: the history has a gap.
        """
        columns = dict(candles)
        times = columns["open_time"]
        steps = np.diff(times)
        wrong = np.flatnonzero(steps != self.timeframe.milliseconds)
        if len(wrong):
            raise SequenceError(f"{self.symbol} {self.timeframe}: gap after the bar at {int(times[wrong[0]])}")
        for indicator in self._indicators:
            columns |= indicator.fill(columns, len(times))
        for step in self._steps:
            step.reset()
        return columns

    def update(self, candle: CandleLike) -> FeatureRow:
        """Add one closed candle and return its features, unknown ones as None.

        Raises:
            SequenceError: the candle does not follow the last one.
        """
        row = bar_of(candle)
        if self._rows:
            expected = self._rows[-1]["open_time"] + self.timeframe.milliseconds
            if row["open_time"] != expected:
                raise SequenceError(
                    f"{self.symbol} {self.timeframe}: bar at {candle.open_time_ms} where {int(expected)} is due"
                )
        self._rows.append(row)
        for step in self._steps:
            step.run(self._rows)
        return self._wire(row)

    def _wire(self, row: MutableRow) -> FeatureRow:
        result: FeatureRow = {**wire_row(row)}
        for indicator in self._listing:
            result |= indicator.lists()
        return result

    def last_row(self) -> FeatureRow | None:
        """The features of the newest bar, None before the first."""
        return self._wire(self._rows[-1]) if self._rows else None
