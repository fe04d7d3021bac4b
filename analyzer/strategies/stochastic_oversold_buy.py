"""The slow stochastic crossing up out of the oversold zone."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class StochasticOversoldBuyStrategy(RuleStrategy):
    """BUY on the bar where %K crosses over %D while both were oversold. Never sells.

    Not with ADX over ``adx_max`` and -DI leading: in a strong fall oversold means nothing.
    """

    title = "Stochastic_Oversold_Buy"
    family = "mean_reversion"
    reads = (
        "close",
        "stoch_k",
        "stoch_d",
        "adx_14",
        "plus_di",
        "minus_di",
        "rsi_14",
        "atr_14",
    )
    options = (
        Option("low", 20.0, 2.0, 45.0),
        Option("gap_min", 1.5, 0.0, 30.0),
        Option("adx_max", 40.0, 10.0, 100.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        k, d = frame["stoch_k"], frame["stoch_d"]
        low = self.option("low")
        falling = (frame["adx_14"] > self.option("adx_max")) & (frame["minus_di"] > frame["plus_di"])
        oversold = (frame.prev("stoch_k") <= low) & (frame.prev("stoch_d") <= low)
        buy = (
            crossed_above(frame, "stoch_k", "stoch_d")
            & oversold
            & (k - d >= self.option("gap_min"))
            & frame.no(falling)
        )
        strength, confidence = graded(
            (0.4, scale(frame, low - frame.prev("stoch_k"), 0.0, 20.0)),
            (0.3, scale(frame, k - d, 1.5, 15.0)),
            (0.3, scale(frame, 45.0 - frame["rsi_14"], 0.0, 20.0)),
        )
        return Verdict(
            buy=buy,
            sell=frame.no(frame["close"] == frame["close"]),
            strength=strength,
            confidence=confidence,
            reason_buy="%K crossed over %D in the oversold zone",
            numbers={"stoch_k": k, "stoch_d": d, "stoch_k_before": frame.prev("stoch_k"), "rsi_14": frame["rsi_14"]},
        )
