"""The close coming back inside the user's Bollinger bands."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class BollingerBandsStrategy(RuleStrategy):
    """BUY on the bar whose close crosses the lower band upwards, SELL where it crosses the upper band downwards.

    BB_WINDOW and BB_STD set the bands; narrow ones leave nothing to earn, and a strong trend (ADX over ``adx_max``)
    walks along its band. A file of the same name in your own folder replaces this one.
    """

    title = "Bollinger_Bands"
    family = "mean_reversion"
    reads = (
        "close",
        "bb_user_upper",
        "bb_user_middle",
        "bb_user_lower",
        "adx_14",
        "volume_ratio",
        "atr_14",
    )

    options = (Option("width_min_atr", 4.0, 0.0, 20.0), Option("adx_max", 40.0, 10.0, 100.0))

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        upper, lower, middle = frame["bb_user_upper"], frame["bb_user_lower"], frame["bb_user_middle"]
        wide = (upper - lower >= self.option("width_min_atr") * atr) & (frame["adx_14"] <= self.option("adx_max"))
        buy = crossed_above(frame, "close", "bb_user_lower") & wide
        sell = crossed_below(frame, "close", "bb_user_upper") & wide
        back = frame.absolute(close - frame.prev("close")) / atr
        strength, confidence = graded(
            (0.4, scale(frame, back, 0.2, 1.5)),
            (0.3, scale(frame, (upper - lower) / atr, 3.0, 8.0)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="closed back over the lower Bollinger band",
            reason_sell="closed back under the upper Bollinger band",
            numbers={"bb_upper": upper, "bb_lower": lower, "bb_mean": middle},
        )
