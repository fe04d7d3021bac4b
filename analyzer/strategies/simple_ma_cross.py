"""Two simple moving averages crossing."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below, graded
from analyzer.strategies.events import stood_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_ON_A_SIDE = 5


class SimpleMaCrossStrategy(RuleStrategy):
    """BUY on the bar where SMA SHORT_WINDOW goes over SMA LONG_WINDOW, SELL where it goes under.

    By at least a share of the ATR, after five bars on the other side, and not while ADX says that nothing moves.
    """

    title = "SimpleMA_Cross"
    family = "trend_following"
    reads = (
        "close",
        "sma_short",
        "sma_long",
        "volume_ratio",
        "adx_14",
        "atr_14",
    )

    lookback = BARS_ON_A_SIDE
    options = (
        Option("gap_atr", 0.05, 0.0, 2.0),
        Option("adx_min", 15.0, 0.0, 60.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        atr = frame["atr_14"]
        short, long = frame["sma_short"], frame["sma_long"]
        gap = (short - long) / atr
        least = self.option("gap_atr")
        was_under = stood_under(frame, "sma_short", "sma_long", BARS_ON_A_SIDE)
        was_over = stood_under(frame, "sma_long", "sma_short", BARS_ON_A_SIDE)
        moving = frame["adx_14"] >= self.option("adx_min")
        pace = frame.absolute(short - frame.prev("sma_short")) / atr
        strength, confidence = graded(
            (0.5, scale(frame, pace, 0.05, 0.6)),
            (0.25, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
            (0.25, scale(frame, frame["adx_14"], 12.0, 35.0)),
        )
        return Verdict(
            buy=crossed_above(frame, "sma_short", "sma_long") & was_under & moving & (gap >= least),
            sell=crossed_below(frame, "sma_short", "sma_long") & was_over & moving & (gap <= -least),
            strength=strength,
            confidence=confidence - 0.03,
            reason_buy="the short average crossed over the long one",
            reason_sell="the short average crossed under the long one",
            numbers={"sma_short": short, "sma_long": long, "adx_14": frame["adx_14"]},
        )
