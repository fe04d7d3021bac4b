"""Buying a crash that has stopped falling."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class SpikeReactionBuyStrategy(RuleStrategy):
    """BUY when the price fell over ``fall_natr`` average ranges within 10 bars on a volume spike, and now closes
    over the bar before. Never sells.

    The spike must be within the last four bars and the low must hold: this low is not under the one before.
    """

    title = "Spike_Reaction_Buy"
    family = "structure_based"
    reads = (
        "open",
        "high",
        "low",
        "close",
        "roc_10",
        "natr",
        "volume_ratio",
        "rsi_14",
        "lowest_5",
        "atr_14",
    )
    lookback = 3
    options = (
        Option("fall_natr", 4.0, 1.0, 30.0),
        Option("volume_min", 2.0, 1.0, 20.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        fall = frame.divide(frame["roc_10"], frame["natr"])
        deepest = frame.minimum(fall, frame.divide(frame.prev("roc_10"), frame.prev("natr")))
        volume = frame["volume_ratio"]
        for age in (1, 2, 3):
            volume = frame.maximum(volume, frame.prev("volume_ratio", age))
        crashed = (deepest <= -self.option("fall_natr")) & (volume >= self.option("volume_min"))
        holds = (frame["low"] >= frame.prev("low")) & (close > frame.prev("high")) & (close > frame["open"])
        first = frame.prev("close") <= frame.prev("high", 2)
        buy = crashed & holds & first & (frame.prev("rsi_14") < 40.0) & (frame["natr"] <= 10.0)
        strength, confidence = graded(
            (0.35, scale(frame, -deepest, 3.0, 10.0)),
            (0.35, scale(frame, volume, 2.0, 6.0)),
            (0.3, scale(frame, 40.0 - frame.prev("rsi_14"), 0.0, 20.0)),
        )
        return Verdict(
            buy=buy,
            sell=frame.no(close == close),
            strength=strength,
            confidence=confidence,
            reason_buy="stopped falling after a crash on volume",
            stop_buy=frame["lowest_5"] - 0.2 * atr,
            numbers={"fall_natr": deepest, "volume_ratio": volume, "rsi_14_before": frame.prev("rsi_14")},
        )
