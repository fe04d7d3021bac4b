"""The price coming back from an extreme distance to its mean."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, fell_below, graded, mean_target, rose_above
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class ZScoreExtremeReversalStrategy(RuleStrategy):
    """BUY on the bar where the z-score of 20 closes comes back over minus the extreme, SELL where it comes back
    under it.

    The close must take back more than half of the bar before. Not with ADX over ``adx_max``. The target is the mean, if
    it pays for the risk.
    """

    title = "ZScore_Extreme_Reversal"
    family = "mean_reversion"
    reads = (
        "high",
        "low",
        "close",
        "zscore_20",
        "bb_middle",
        "adx_14",
        "volume_ratio",
        "atr_14",
    )
    options = (
        Option("extreme", 2.0, 1.0, 5.0),
        Option("adx_max", 35.0, 10.0, 100.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        z, before = frame["zscore_20"], frame.prev("zscore_20")
        extreme = self.option("extreme")
        calm = frame["adx_14"] <= self.option("adx_max")
        half = (frame.prev("high") + frame.prev("low")) / 2.0
        taken_up, taken_down = frame["close"] > half, frame["close"] < half
        buy = rose_above(frame, "zscore_20", -extreme) & (z - before >= 0.4) & calm & taken_up
        sell = fell_below(frame, "zscore_20", extreme) & (before - z >= 0.4) & calm & taken_down
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(before) - extreme, 0.0, 1.0)),
            (0.3, scale(frame, frame.absolute(z - before), 0.2, 1.5)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="the z-score came back from its low extreme",
            reason_sell="the z-score came back from its high extreme",
            target_buy=mean_target(frame, frame["bb_middle"], above=True),
            target_sell=mean_target(frame, frame["bb_middle"], above=False),
            numbers={"zscore_20": z, "zscore_20_before": before, "sma_20": frame["bb_middle"]},
        )
