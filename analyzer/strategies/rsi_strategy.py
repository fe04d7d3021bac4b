"""RSI against the user's levels."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class RsiStrategy(RuleStrategy):
    """BUY on the bar where RSI (RSI_WINDOW) falls to or under RSI_OVERSOLD, SELL where it rises to or over
    RSI_OVERBOUGHT.

    The plain rule of the developer guide: it acts on entering the zone, once; RSI_Cross acts on leaving it.
    """

    title = "RSI_Strategy"
    family = "mean_reversion"
    reads = (
        "close",
        "rsi_user",
        "adx_14",
        "atr_14",
    )
    options = (
        Option("oversold", 30.0, 5.0, 45.0, "RSI_OVERSOLD"),
        Option("overbought", 70.0, 55.0, 95.0, "RSI_OVERBOUGHT"),
    )

    def rule(self, frame: Frame) -> Verdict:
        rsi, before = frame["rsi_user"], frame.prev("rsi_user")
        low, high = self.option("oversold"), self.option("overbought")
        buy = (rsi <= low) & (before > low)
        sell = (rsi >= high) & (before < high)
        depth = frame.where(buy, low - rsi, rsi - high)
        strength, confidence = graded(
            (0.6, scale(frame, depth, 0.0, 10.0)), (0.4, scale(frame, 35.0 - frame["adx_14"], 0.0, 20.0))
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence - 0.03,
            reason_buy=f"RSI fell to {low:g}",
            reason_sell=f"RSI rose to {high:g}",
            numbers={"rsi": rsi, "rsi_before": before},
        )
