"""Following the directional index once ADX proves a trend."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class AdxDirectionStrategy(RuleStrategy):
    """BUY on the bar where ADX is high enough and +DI leads by enough while one of the two was not so on the bar
    before.

    SELL mirrored. ADX must be rising, so that an old trend does not start again by a wobble.
    """

    title = "ADX_Direction"
    family = "trend_following"
    reads = (
        "close",
        "adx_14",
        "plus_di",
        "minus_di",
        "ema_26",
        "volume_ratio",
        "atr_14",
    )
    options = (
        Option("adx_min", 22.0, 10.0, 60.0),
        Option("gap_min", 5.0, 0.0, 50.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        least, gap_min = self.option("adx_min"), self.option("gap_min")
        adx = frame["adx_14"]
        gap, gap_before = frame["plus_di"] - frame["minus_di"], frame.prev("plus_di") - frame.prev("minus_di")
        strong, strong_before = adx >= least, frame.prev("adx_14") >= least
        known = frame.known(gap_before, frame.prev("adx_14"))
        rising = adx > frame.prev("adx_14")
        buy = strong & (gap >= gap_min) & frame.no(strong_before & (gap_before >= gap_min)) & rising & known
        sell = strong & (gap <= -gap_min) & frame.no(strong_before & (gap_before <= -gap_min)) & rising & known
        lead = scale(frame, frame.absolute(gap), gap_min, 25.0)
        side = frame.where(buy, frame["close"] > frame["ema_26"], frame["close"] < frame["ema_26"])
        strength, confidence = graded(
            (0.35, scale(frame, adx, least, 40.0)),
            (0.35, lead),
            (0.2, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
            (0.1, side),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="ADX shows a trend and +DI leads",
            reason_sell="ADX shows a trend and -DI leads",
            numbers={"adx_14": adx, "plus_di": frame["plus_di"], "minus_di": frame["minus_di"]},
        )
