"""A stop hunt below support that is bought back."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class LiquiditySweepBuyStrategy(RuleStrategy):
    """BUY when one of the last five bars went under the support known before it and this close is the first back
    over it.

    The sweep must be deep enough (in ATR) and the recovery must have volume. Never sells. The stop is under the sweep.
    """

    title = "Liquidity_Sweep_Buy"
    family = "volume_based"
    reads = (
        "open",
        "close",
        "low",
        "nearest_support",
        "lowest_5",
        "volume_ratio",
        "rsi_14",
        "atr_14",
    )
    lookback = 5
    options = (
        Option("depth_atr", 0.3, 0.0, 5.0),
        Option("volume_min", 1.0, 0.0, 10.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        depth_min = self.option("depth_atr")
        never = frame.constant(0.0) > 1.0
        swept, depth = never, frame.constant(0.0)
        for age in range(5):
            support = frame.prev("nearest_support", age)
            under = (support - frame.prev("low", age)) / atr
            # back over for the first time: the bar before had closed under, or this bar did it all by itself
            by_itself = frame.prev("low") > support if age == 0 else never
            hit = (under >= depth_min) & (close > support) & ((frame.prev("close") <= support) | by_itself)
            depth = frame.where(hit & frame.no(swept), under, depth)
            swept = swept | hit
        lowest = frame["lowest_5"]
        buy = (
            swept
            & (close > frame["open"])
            & (frame["volume_ratio"] >= self.option("volume_min"))
            & (frame["rsi_14"] < 60.0)
        )
        strength, confidence = graded(
            (0.35, scale(frame, depth, depth_min, 2.0)),
            (0.35, scale(frame, frame["volume_ratio"], 1.0, 3.0)),
            (0.3, scale(frame, 45.0 - frame["rsi_14"], 0.0, 20.0)),
        )
        return Verdict(
            buy=buy,
            sell=frame.no(frame["close"] == frame["close"]),
            strength=strength,
            confidence=confidence,
            reason_buy="swept the stops under support and closed back over it",
            stop_buy=lowest - 0.2 * atr,
            numbers={"depth_atr": depth, "lowest_5": lowest, "volume_ratio": frame["volume_ratio"]},
        )
