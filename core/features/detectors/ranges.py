"""A horizontal range, from bars before the current one."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import NAN, Frame, Value


@register
class TradingRange(FormulaIndicator):
    """The high and low of the 20 bars before this one, and whether they are a range.

    ``range_is_flat`` (1 or 0): at most 6 average ranges high, and the closes at its two ends less than half its height
    apart. ``range_position``: where the close is in it, 0 at the low, 1 at the high, outside when it broke.
    Limit: it knows one length of range; a longer one is several in a row.
    """

    reads = ("close", "atr_14", "donchian_upper", "donchian_lower", "roc_20")
    writes = ("range_height_atr", "range_is_flat", "range_position")

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        upper, lower = frame["donchian_upper"], frame["donchian_lower"]
        height = upper - lower
        in_atr = frame.divide(height, frame.prev("atr_14"))
        before = frame.prev("close")
        drift = frame.absolute(frame.prev("roc_20")) * before / 100.0
        flat = (in_atr <= 6.0) & (drift <= 0.5 * height)
        known = frame.known(in_atr, drift)
        return (
            in_atr,
            frame.where(known, 1.0 * flat, frame.constant(NAN)),
            frame.divide(frame["close"] - lower, height),
        )
