"""RSI coming back out of its extreme zones."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, fell_below, rose_above
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class RsiCrossStrategy(RuleStrategy):
    """BUY on the bar where RSI 14 crosses back above the oversold level, SELL where it crosses back below overbought.

    Not against a strong trend: with ADX over ``adx_max`` and the directional index on the other side there is no vote.
    """

    title = "RSI_Cross"
    family = "mean_reversion"
    reads = ("close", "rsi_14", "rsi_21", "adx_14", "plus_di", "minus_di", "atr_14", "volume_ratio")
    options = (
        Option("oversold", 30.0, 5.0, 45.0, "RSI_OVERSOLD"),
        Option("overbought", 70.0, 55.0, 95.0, "RSI_OVERBOUGHT"),
        Option("adx_max", 45.0, 15.0, 100.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        low, high = self.option("oversold"), self.option("overbought")
        strong = frame["adx_14"] > self.option("adx_max")
        falling = strong & (frame["minus_di"] > frame["plus_di"])
        rising = strong & (frame["plus_di"] > frame["minus_di"])
        buy = rose_above(frame, "rsi_14", low) & frame.no(falling)
        sell = fell_below(frame, "rsi_14", high) & frame.no(rising)
        before = frame.prev("rsi_14")
        depth = frame.where(buy, low - before, before - high)
        deep = scale(frame, depth, 0.0, 12.0)
        snap = scale(frame, frame.absolute(frame["rsi_14"] - before), 1.0, 10.0)
        agreed = frame.where(buy, frame["rsi_21"] < 40.0, frame["rsi_21"] > 60.0)
        return Verdict(
            buy=buy,
            sell=sell,
            strength=0.3 + 0.35 * deep + 0.25 * snap + 0.1 * agreed,
            confidence=0.58 + 0.15 * deep + 0.1 * snap + 0.07 * agreed,
            reason_buy=f"RSI 14 crossed back above {low:g}",
            reason_sell=f"RSI 14 crossed back below {high:g}",
            numbers={"rsi_14": frame["rsi_14"], "rsi_14_before": before, "rsi_21": frame["rsi_21"]},
        )
