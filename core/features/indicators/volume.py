"""Volume against its own recent past, and prices weighted by it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from core.features.indicators.base import (
    Columns,
    FormulaIndicator,
    IndicatorParameters,
    Kernel,
    register,
)
from core.features.indicators.rolling import ExactSum
from core.rules.frames import Column, Frame, Value


class _Sums(Kernel):
    """Exact sums that the measures of this module divide; ``lengths`` says over how many bars, column by column."""

    lengths: ClassVar[tuple[int, ...]]

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._sums = [ExactSum(length) for length in self.lengths]

    def _filled(self, *columns: Column) -> dict[str, Column]:
        sums = [exact.fill(column) for exact, column in zip(self._sums, columns, strict=True)]
        return dict(zip(self.writes, sums, strict=True))


@register
class VolumeSums(_Sums):
    """Sums of the volume of 20 bars and of 5, and how many of 20 bars had a trade."""

    reads = ("volume",)
    writes = ("volume_sum_20", "volume_sum_5", "active_bars_20")
    lengths = (20, 5, 20)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        volume = columns["volume"]
        return self._filled(volume, volume, (volume > 0).astype(np.float64))

    def update(self, volume: float) -> tuple[float, float, float]:
        long, short, active = self._sums
        return long.update(volume), short.update(volume), active.update(1.0 if volume > 0 else 0.0)


@register
class TradeSums(_Sums):
    """Sums of quote volume and number of trades of 20 bars."""

    reads = ("quote_asset_volume", "number_of_trades")
    writes = ("quote_sum_20", "trades_sum_20")
    lengths = (20, 20)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        return self._filled(columns["quote_asset_volume"], columns["number_of_trades"])

    def update(self, quote_asset_volume: float, number_of_trades: float) -> tuple[float, float]:
        quotes, counts = self._sums
        return quotes.update(quote_asset_volume), counts.update(number_of_trades)


@register
class TurnoverSums(_Sums):
    """Sums over 10 bars of typical price times volume, of volume and of quote volume."""

    reads = ("high", "low", "close", "volume", "quote_asset_volume")
    writes = ("turnover_10", "volume_sum_10", "quote_sum_10")
    lengths = (10, 10, 10)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        typical = (columns["high"] + columns["low"] + columns["close"]) / 3.0
        volume = columns["volume"]
        return self._filled(typical * volume, volume, columns["quote_asset_volume"])

    def update(
        self, high: float, low: float, close: float, volume: float, quote_asset_volume: float
    ) -> tuple[float, float, float]:
        turnover, volumes, quotes = self._sums
        return (
            turnover.update((high + low + close) / 3.0 * volume),
            volumes.update(volume),
            quotes.update(quote_asset_volume),
        )


@register
class VolumeMeasures(FormulaIndicator):
    """Volume against the 20 bars *before* it.

    ``volume_ratio`` = volume / mean volume of the previous 20 bars (``avg_volume_20`` includes this bar); unknown while
    those 20 had no trade. ``relative_volume`` is the same against the previous 5, ``avg_trade_size`` volume per trade,
    ``trade_intensity`` trades / mean trades of the previous 20 bars.
    """

    reads = (
        "volume",
        "quote_asset_volume",
        "number_of_trades",
        "volume_sum_20",
        "volume_sum_5",
        "quote_sum_20",
        "trades_sum_20",
    )
    writes = (
        "volume_ratio",
        "avg_volume_20",
        "relative_volume",
        "quote_volume_ratio",
        "avg_trade_size",
        "trade_intensity",
    )

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        return (
            frame.divide(frame["volume"] * 20.0, frame.prev("volume_sum_20")),
            frame["volume_sum_20"] / 20.0,
            frame.divide(frame["volume"] * 5.0, frame.prev("volume_sum_5")),
            frame.divide(frame["quote_asset_volume"] * 20.0, frame.prev("quote_sum_20")),
            frame.divide(frame["volume"], frame["number_of_trades"]),
            frame.divide(frame["number_of_trades"] * 20.0, frame.prev("trades_sum_20")),
        )


@register
class RollingVwap(FormulaIndicator):
    """Volume-weighted average price of 10 bars: sum(TP * volume) / sum(volume), TP = (H + L + C) / 3.

    ``vwap_quote_10`` is the exact one, quote volume / base volume, where the exchange tells the quote volume.
    """

    reads = ("turnover_10", "volume_sum_10", "quote_sum_10")
    writes = ("vwap_10", "vwap_quote_10")

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        volume = frame["volume_sum_10"]
        return frame.divide(frame["turnover_10"], volume), frame.divide(frame["quote_sum_10"], volume)


@register
class ObvOscillator(FormulaIndicator):
    """(OBV - its mean of 10) / mean volume of 20 bars: in bars' worth of volume, whatever OBV counted from."""

    reads = ("obv", "obv_ma_10", "avg_volume_20")
    writes = ("obv_oscillator",)

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        return (frame.divide(frame["obv"] - frame["obv_ma_10"], frame["avg_volume_20"]),)
