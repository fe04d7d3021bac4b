"""The slope of the triple EMA turning."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class TemaSlopeStrategy(RuleStrategy):
    """BUY on the bar where the two-bar slope of TEMA 12 goes over its threshold, after two bars under it, with the
    price over it; SELL mirrored.

    The slope is in ATR per bar. EMA 26 must already lean the same way, and there must be volume.
    """

    title = "TEMA_Slope"
    family = "trend_following"
    reads = (
        "close",
        "tema_12",
        "ema_26",
        "adx_14",
        "volume_ratio",
        "atr_14",
    )
    lookback = 4
    options = (
        Option("slope_atr", 0.35, 0.01, 5.0),
        Option("volume_min", 1.6, 0.0, 10.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        tema, atr, close = frame["tema_12"], frame["atr_14"], frame["close"]
        slope = (tema - frame.prev("tema_12", 2)) / (2.0 * atr)
        before = frame.divide(frame.prev("tema_12") - frame.prev("tema_12", 3), 2.0 * frame.prev("atr_14"))
        earlier = frame.divide(frame.prev("tema_12", 2) - frame.prev("tema_12", 4), 2.0 * frame.prev("atr_14", 2))
        least = self.option("slope_atr")
        busy = frame["volume_ratio"] >= self.option("volume_min")
        lean = frame["ema_26"] - frame.prev("ema_26")
        buy = (slope > least) & (before <= least) & (earlier <= least) & (close > tema) & (lean > 0.0) & busy
        sell = (slope < -least) & (before >= -least) & (earlier >= -least) & (close < tema) & (lean < 0.0) & busy
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(slope), least, 3.0 * least)),
            (0.3, scale(frame, frame["adx_14"], 15.0, 40.0)),
            (0.3, scale(frame, frame["volume_ratio"], 1.0, 3.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="the slope of TEMA 12 turned up",
            reason_sell="the slope of TEMA 12 turned down",
            numbers={"tema_12": tema, "slope_atr": slope, "volume_ratio": frame["volume_ratio"]},
        )
