"""Channels of earlier bars, which the current bar can break, and stops at a distance of the average range."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import Frame, Value


@register
class DonchianChannel(FormulaIndicator):
    """Highest high and lowest low of the 20 bars *before* this one (R. Donchian), so that a close can be outside."""

    reads = ("highest_20", "lowest_20")
    writes = ("donchian_upper", "donchian_lower")

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        return frame.prev("highest_20"), frame.prev("lowest_20")


@register
class AtrStops(FormulaIndicator):
    """Stops 2 ATR under and over the close."""

    reads = ("close", "atr_14")
    writes = ("atr_stop_long", "atr_stop_short")
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        distance = 2.0 * frame["atr_14"]
        return frame["close"] - distance, frame["close"] + distance
