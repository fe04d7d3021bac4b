"""Leaving a range, confirmed by the bar after."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class RangeBreakoutConfirmationStrategy(RuleStrategy):
    """BUY when the bar before was the first close over a flat range, on volume, and this bar closes further still.

    The range is that of the 20 bars before the break (``range_is_flat`` of that bar). SELL mirrored. The target is the
    height of the range, the stop its middle.
    """

    title = "Range_Breakout_Confirmation"
    family = "breakout"
    reads = (
        "close",
        "donchian_upper",
        "donchian_lower",
        "range_is_flat",
        "volume_ratio",
        "adx_14",
        "atr_14",
    )
    lookback = 2
    options = (Option("volume_min", 1.2, 0.0, 10.0),)

    def rule(self, frame: Frame) -> Verdict:
        close, before, atr = frame["close"], frame.prev("close"), frame["atr_14"]
        top, bottom = frame.prev("donchian_upper"), frame.prev("donchian_lower")
        flat = frame.prev("range_is_flat") == 1.0
        first_up = (before > top) & (frame.prev("close", 2) <= frame.prev("donchian_upper", 2))
        first_down = (before < bottom) & (frame.prev("close", 2) >= frame.prev("donchian_lower", 2))
        volume = frame.maximum(frame["volume_ratio"], frame.prev("volume_ratio"))
        busy = volume >= self.option("volume_min")
        buy = flat & first_up & (close > before) & busy
        sell = flat & first_down & (close < before) & busy
        height = top - bottom
        further = frame.where(buy, close - top, bottom - close) / atr
        strength, confidence = graded(
            (0.4, scale(frame, further, 0.1, 1.5)), (0.4, scale(frame, volume, 1.0, 3.0)), (0.2, frame["adx_14"] > 20.0)
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="left a range upwards and the next bar confirmed it",
            reason_sell="left a range downwards and the next bar confirmed it",
            stop_buy=frame.minimum((top + bottom) / 2.0, close - atr),
            target_buy=frame.maximum(top + height, close + 2.0 * atr),
            stop_sell=frame.maximum((top + bottom) / 2.0, close + atr),
            target_sell=frame.minimum(bottom - height, close - 2.0 * atr),
            numbers={"range_high": top, "range_low": bottom, "volume_ratio": volume},
        )
