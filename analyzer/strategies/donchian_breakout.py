"""Breaking the channel of the previous 20 bars."""

from __future__ import annotations

from analyzer.strategies.base_strategy import STOP_ATR, RuleStrategy, Verdict
from analyzer.strategies.events import stood_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_INSIDE = 3


class DonchianBreakoutStrategy(RuleStrategy):
    """BUY on the first close above the high of the 20 bars before it, SELL on the first below their low, with volume.

    First: the three closes before were inside their own channels. The stop is the middle of the channel where that is
    nearer than the usual distance.
    """

    title = "Donchian_Breakout"
    family = "breakout"
    reads = ("close", "donchian_upper", "donchian_lower", "volume_ratio", "adx_14", "rsi_14", "atr_14")
    lookback = BARS_INSIDE
    options = (Option("volume_min", 1.5, 0.0, 10.0), Option("break_atr", 0.1, 0.0, 3.0))

    def rule(self, frame: Frame) -> Verdict:
        close = frame["close"]
        upper, lower, atr = frame["donchian_upper"], frame["donchian_lower"], frame["atr_14"]
        middle = (upper + lower) / 2.0
        least = self.option("break_atr") * atr
        inside_above = stood_under(frame, "close", "donchian_upper", BARS_INSIDE)
        inside_below = stood_under(frame, "donchian_lower", "close", BARS_INSIDE)
        busy = frame["volume_ratio"] >= self.option("volume_min")
        buy = (close > upper + least) & inside_above & busy & (frame["rsi_14"] < 88.0)
        sell = (close < lower - least) & inside_below & busy & (frame["rsi_14"] > 12.0)
        beyond = frame.where(buy, close - upper, lower - close) / atr
        far = scale(frame, beyond, 0.0, 1.5)
        volume = scale(frame, frame["volume_ratio"], 1.0, 3.0)
        trend = scale(frame, frame["adx_14"], 15.0, 35.0)
        return Verdict(
            buy=buy,
            sell=sell,
            strength=0.3 + 0.3 * far + 0.25 * volume + 0.15 * trend,
            confidence=0.58 + 0.1 * far + 0.14 * volume + 0.1 * trend,
            reason_buy="closed above the high of the previous 20 bars",
            reason_sell="closed below the low of the previous 20 bars",
            stop_buy=frame.maximum(middle, close - STOP_ATR * atr),
            stop_sell=frame.minimum(middle, close + STOP_ATR * atr),
            numbers={"donchian_upper": upper, "donchian_lower": lower, "volume_ratio": frame["volume_ratio"]},
        )
