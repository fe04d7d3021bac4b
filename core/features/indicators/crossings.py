"""Events of MACD and PPO, and the vote of the MACD's parts."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import Frame, Value
from core.rules.labels import code_of


@register
class MacdEvents(FormulaIndicator):
    """Whether the MACD crossed zero or its signal on this bar, and the majority of line, histogram and slope.

    ``macd_trend`` counts line > signal, line > 0, histogram rising, line rising: 3 or 4 bullish, 0 or 1 bearish.
    """

    reads = ("macd_line", "macd_signal", "macd_histogram")
    writes = ("macd_zero_cross", "macd_signal_cross", "macd_trend")

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        line, signal, histogram = frame["macd_line"], frame["macd_signal"], frame["macd_histogram"]
        line_before, signal_before = frame.prev("macd_line"), frame.prev("macd_signal")
        unknown = frame.constant(float("nan"))
        two_bars = frame.known(line_before, line)
        zero = frame.where(two_bars, 1.0 * ((line > 0) != (line_before > 0)), unknown)
        cross = frame.where(two_bars, 1.0 * ((line > signal) != (line_before > signal_before)), unknown)
        points = 1.0 * (line > signal) + (line > 0) + (histogram > frame.prev("macd_histogram")) + (line > line_before)
        trend = frame.where(points >= 3, code_of("macd_trend", "BULLISH"), code_of("macd_trend", "NEUTRAL"))
        trend = frame.where(points <= 1, code_of("macd_trend", "BEARISH"), trend)
        return zero, cross, frame.where(two_bars, trend, unknown)


@register
class PpoHistogram(FormulaIndicator):
    """PPO minus its signal, in percent."""

    reads = ("ppo", "ppo_signal")
    writes = ("ppo_histogram",)

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        return (frame["ppo"] - frame["ppo_signal"],)
