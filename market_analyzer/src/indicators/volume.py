"""Volume against its own recent past, and prices weighted by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market_analyzer.src.indicators.base import (
    Columns,
    FormulaIndicator,
    Indicator,
    IndicatorParameters,
    MutableRow,
    register,
)
from market_analyzer.src.indicators.rolling import ExactSum
from shared.src.indicators.frames import Column, Frame, Value


@register
class VolumeSums(Indicator):
    """Exact sums the measures of this module divide: over 20 bars, 4 bars, 10 bars of price times volume, bars
    with a trade.
    """

    reads = ("high", "low", "close", "volume", "quote_volume", "trades")
    writes = (
        "volume_sum_20",
        "volume_sum_5",
        "quote_sum_20",
        "trades_sum_20",
        "volume_sum_10",
        "quote_sum_10",
        "turnover_10",
        "active_bars_20",
    )

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._volume_20, self._volume_5 = ExactSum(20), ExactSum(5)
        self._quote_20, self._trades_20 = ExactSum(20), ExactSum(20)
        self._active_20 = ExactSum(20)
        self._volume_10, self._quote_10, self._turnover_10 = ExactSum(10), ExactSum(10), ExactSum(10)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        volume, quote = columns["volume"], columns["quote_volume"]
        typical = (columns["high"] + columns["low"] + columns["close"]) / 3.0
        with np.errstate(all="ignore"):
            return {
                "volume_sum_20": self._volume_20.fill(volume),
                "volume_sum_5": self._volume_5.fill(volume),
                "quote_sum_20": self._quote_20.fill(quote),
                "trades_sum_20": self._trades_20.fill(columns["trades"]),
                "volume_sum_10": self._volume_10.fill(volume),
                "quote_sum_10": self._quote_10.fill(quote),
                "turnover_10": self._turnover_10.fill(typical * volume),
                "active_bars_20": self._active_20.fill((volume > 0).astype(np.float64)),
            }

    def update(self, rows: Sequence[MutableRow]) -> None:
        row = rows[-1]
        volume, quote = row["volume"], row["quote_volume"]
        row["volume_sum_20"] = self._volume_20.update(volume)
        row["volume_sum_5"] = self._volume_5.update(volume)
        row["quote_sum_20"] = self._quote_20.update(quote)
        row["trades_sum_20"] = self._trades_20.update(row["trades"])
        row["volume_sum_10"] = self._volume_10.update(volume)
        row["quote_sum_10"] = self._quote_10.update(quote)
        row["turnover_10"] = self._turnover_10.update((row["high"] + row["low"] + row["close"]) / 3.0 * volume)
        row["active_bars_20"] = self._active_20.update(1.0 if volume > 0 else 0.0)


@register
class VolumeMeasures(FormulaIndicator):
    """Volume against the 20 bars *before* it.

    ``volume_ratio`` = volume / mean volume of the previous 20 bars (``avg_volume_20`` includes this bar); unknown while
    those 20 had no trade. ``relative_volume`` is the same against the previous 5, ``avg_trade_size`` volume per trade,
    ``trade_intensity`` trades / mean trades of the previous 20 bars.
    """

    reads = (
        "volume",
        "quote_volume",
        "trades",
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
            frame.divide(frame["quote_volume"] * 20.0, frame.prev("quote_sum_20")),
            frame.divide(frame["volume"], frame["trades"]),
            frame.divide(frame["trades"] * 20.0, frame.prev("trades_sum_20")),
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
