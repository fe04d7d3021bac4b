"""Momentum crossing a threshold set by the volatility."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class RocThresholdStrategy(RuleStrategy):
    """BUY on the bar where ROC 10 goes over its threshold, SELL where it goes under the negative one.

    The threshold is a number of average ranges, and at least ``roc_min`` percent. Confirmed by volume and by the side
    of VWAP.
    """

    title = "ROC_Threshold"
    family = "trend_following"
    reads = (
        "close",
        "roc_10",
        "natr",
        "volume_ratio",
        "vwap_10",
        "adx_14",
        "atr_14",
    )
    options = (
        Option("natr_times", 3.0, 0.5, 20.0),
        Option("roc_min", 0.2, 0.0, 20.0),
        Option("volume_min", 1.0, 0.0, 10.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        roc, natr = frame["roc_10"], frame["natr"]
        threshold = frame.maximum(self.option("natr_times") * natr, frame.constant(self.option("roc_min")))
        before = frame.maximum(self.option("natr_times") * frame.prev("natr"), frame.constant(self.option("roc_min")))
        busy = frame["volume_ratio"] >= self.option("volume_min")
        close, vwap = frame["close"], frame["vwap_10"]
        buy = (roc > threshold) & (frame.prev("roc_10") <= before) & busy & (close > vwap)
        sell = (roc < -threshold) & (frame.prev("roc_10") >= -before) & busy & (close < vwap)
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(roc) - threshold, 0.0, 2.0 * natr)),
            (0.3, scale(frame, frame["volume_ratio"], 1.0, 3.0)),
            (0.3, scale(frame, frame["adx_14"], 15.0, 40.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="ROC 10 crossed over its threshold",
            reason_sell="ROC 10 crossed under its threshold",
            numbers={"roc_10": roc, "threshold": threshold, "volume_ratio": frame["volume_ratio"]},
        )
