"""A pullback to the parabolic SAR that bounces."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class ParabolicSarBounceStrategy(RuleStrategy):
    """BUY when, in a rise that the SAR has carried for three bars, the low came near the SAR and the close leaves
    upwards.

    SELL mirrored. Near is a share of the ATR; the SAR is the one of the whole history, not of a short window.
    """

    title = "ParabolicSAR_Bounce"
    family = "trend_following"
    reads = (
        "open",
        "high",
        "low",
        "close",
        "psar",
        "adx_14",
        "plus_di",
        "minus_di",
        "volume_ratio",
        "atr_14",
    )
    lookback = 2
    options = (
        Option("near_atr", 0.5, 0.0, 5.0),
        Option("adx_min", 18.0, 0.0, 60.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, sar, atr = frame["close"], frame["psar"], frame["atr_14"]
        near = self.option("near_atr") * atr
        trending = frame["adx_14"] >= self.option("adx_min")
        rising, falling = sar < close, sar > close
        for age in (1, 2):
            rising = rising & (frame.prev("psar", age) < frame.prev("close", age))
            falling = falling & (frame.prev("psar", age) > frame.prev("close", age))
        came_low = frame.minimum(frame["low"] - sar, frame.prev("low") - frame.prev("psar")) <= near
        came_high = frame.minimum(sar - frame["high"], frame.prev("psar") - frame.prev("high")) <= near
        up = (close > frame.prev("high")) & (close > frame["open"])
        down = (close < frame.prev("low")) & (close < frame["open"])
        # a bounce begins once: the bar before had not left yet
        up_before = (frame.prev("close") > frame.prev("high", 2)) & (frame.prev("close") > frame.prev("open"))
        down_before = (frame.prev("close") < frame.prev("low", 2)) & (frame.prev("close") < frame.prev("open"))
        up, down = up & frame.no(up_before), down & frame.no(down_before)
        buy = rising & came_low & up & trending & (frame["plus_di"] > frame["minus_di"])
        sell = falling & came_high & down & trending & (frame["minus_di"] > frame["plus_di"])
        strength, confidence = graded(
            (0.4, scale(frame, frame["adx_14"], 18.0, 40.0)),
            (0.3, scale(frame, frame.absolute(close - frame["open"]) / atr, 0.2, 1.5)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="bounced up from the parabolic SAR",
            reason_sell="bounced down from the parabolic SAR",
            stop_buy=frame.minimum(sar - 0.2 * atr, close - atr),
            stop_sell=frame.maximum(sar + 0.2 * atr, close + atr),
            numbers={"psar": sar, "adx_14": frame["adx_14"]},
        )
