"""A rejection at resistance."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class ResistanceRejectionStrategy(RuleStrategy):
    """SELL when a bar reaches the nearest resistance, the first to, and closes back under it with a long upper wick.

    Not in a rise that is trending. Never buys.
    """

    title = "Resistance_Rejection"
    family = "structure_based"
    reads = (
        "open",
        "high",
        "low",
        "close",
        "nearest_resistance",
        "resistance_touches",
        "market_regime",
        "rsi_14",
        "atr_14",
    )
    options = (
        Option("near_atr", 0.2, 0.0, 2.0),
        Option("wick_min", 0.4, 0.1, 0.95),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, high, low, atr = frame["close"], frame["high"], frame["low"], frame["atr_14"]
        resistance = frame["nearest_resistance"]
        span = high - low
        wick = frame.divide(high - frame.maximum(close, frame["open"]), span)
        near = resistance - self.option("near_atr") * atr
        reached = (high >= near) & (frame.prev("high") < near)
        rejected = (close < resistance) & (wick >= self.option("wick_min")) & (close <= (high + low) / 2.0)
        rising = frame.label("market_regime", "TRENDING_BULL") | frame.label("market_regime", "BREAKOUT_BULL")
        sell = reached & rejected & (span >= 0.6 * atr) & frame.no(rising) & (frame["rsi_14"] >= 50.0)
        strength, confidence = graded(
            (0.35, scale(frame, wick, 0.3, 0.8)),
            (0.35, scale(frame, frame["resistance_touches"], 1.0, 4.0)),
            (0.3, scale(frame, frame["rsi_14"], 50.0, 70.0)),
        )
        return Verdict(
            buy=frame.no(close == close),
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_sell="rejected at resistance",
            stop_sell=frame.maximum(high, resistance) + 0.2 * atr,
            numbers={"resistance": resistance, "wick": wick, "touches": frame["resistance_touches"]},
        )
