"""EMA 12 crossing EMA 26, with the price on the right side of EMA 50."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class EmaCrossStrategy(RuleStrategy):
    """BUY on the bar where EMA 12 goes over EMA 26, SELL where it goes under.

    The close must be on the same side of EMA 50, and ADX must not say that there is no movement at all.
    """

    title = "EMA_Cross"
    family = "trend_following"
    reads = ("close", "ema_12", "ema_26", "ema_50", "adx_14", "macd_histogram", "volume_ratio", "atr_14")
    options = (Option("adx_min", 12.0, 0.0, 60.0),)

    def rule(self, frame: Frame) -> Verdict:
        close, slow, adx, atr = frame["close"], frame["ema_50"], frame["adx_14"], frame["atr_14"]
        moving = adx >= self.option("adx_min")
        up = crossed_above(frame, "ema_12", "ema_26") & (close > slow) & moving
        down = crossed_below(frame, "ema_12", "ema_26") & (close < slow) & moving
        impulse = scale(frame, frame.absolute(close - frame["ema_26"]) / atr, 0.0, 2.0)
        volume = scale(frame, frame["volume_ratio"], 0.8, 2.0)
        trend = scale(frame, adx, 15.0, 40.0)
        return Verdict(
            buy=up,
            sell=down,
            strength=0.3 + 0.3 * impulse + 0.2 * volume + 0.2 * trend,
            confidence=0.6 + 0.1 * impulse + 0.1 * volume + 0.15 * trend,
            reason_buy="EMA 12 crossed above EMA 26 with the price over EMA 50",
            reason_sell="EMA 12 crossed below EMA 26 with the price under EMA 50",
            numbers={"ema_12": frame["ema_12"], "ema_26": frame["ema_26"], "ema_50": slow, "adx_14": adx},
        )
