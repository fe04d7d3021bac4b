"""The features of one closed bar: what indicators computed and strategies read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.src.domain.candles import Timeframe

FeatureValue = float | int | bool | str | list[float] | None


@dataclass(frozen=True, slots=True)
class BarFeatures:
    """Every feature of the bar that opens at ``time`` (ms UTC); None means not known yet, never a value.

    ``values`` has the columns of ``analyzer_data`` and those of the candle: time, open, high, low, close, volume,
    quote_asset_volume, number_of_trades.
    """

    symbol: str
    timeframe: Timeframe
    time: int
    values: Mapping[str, FeatureValue]

    @property
    def close_time(self) -> int:
        """The last millisecond of the bar."""
        return self.timeframe.next_open(self.time) - 1
