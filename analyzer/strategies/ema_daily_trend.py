"""EMA 21 crossing EMA 50 on the daily chart, held for days."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class EmaDailyTrendStrategy(RuleStrategy):
    """BUY on the daily bar where EMA 21 goes over EMA 50, SELL where it goes under.

    Target ``target_percent``, stop under the low of the last 20 days or ``stop_percent``, whichever is nearer.
    """

    title = "EMA_Daily_Trend"
    family = "trend_following"
    reads = (
        "close",
        "ema_21",
        "ema_50",
        "adx_14",
        "lowest_20",
        "atr_14",
    )
    options = (
        Option("target_percent", 7.5, 1.0, 50.0),
        Option("stop_percent", 3.0, 0.5, 20.0),
    )
    timeframes = ("1d",)

    def rule(self, frame: Frame) -> Verdict:
        close = frame["close"]
        buy = crossed_above(frame, "ema_21", "ema_50")
        sell = crossed_below(frame, "ema_21", "ema_50")
        stop = close * (1.0 - self.option("stop_percent") / 100.0)
        swing = frame["lowest_20"]
        strength, confidence = graded(
            (0.5, scale(frame, frame["adx_14"], 15.0, 35.0)),
            (0.5, scale(frame, frame.absolute(close - frame["ema_50"]) / frame["atr_14"], 0.0, 3.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="EMA 21 crossed over EMA 50 on the daily chart",
            reason_sell="EMA 21 crossed under EMA 50 on the daily chart",
            stop_buy=frame.maximum(stop, frame.minimum(swing, close * 0.999)),
            target_buy=close * (1.0 + self.option("target_percent") / 100.0),
            numbers={"ema_21": frame["ema_21"], "ema_50": frame["ema_50"], "adx_14": frame["adx_14"]},
        )
