"""The session's VWAP holding as support or resistance."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class VwapSupportResistanceStrategy(RuleStrategy):
    """BUY when the price came down to the session's VWAP from above and closes back up from it, SELL mirrored.

    The two closes before were on the same side of the VWAP and the bar before did not reach it; this bar does, and
    leaves by a share of the ATR.
    """

    title = "VWAP_Support_Resistance"
    family = "structure_based"
    reads = (
        "open",
        "high",
        "low",
        "close",
        "anchored_vwap",
        "volume_ratio",
        "momentum_score",
        "atr_14",
    )
    lookback = 2
    options = (
        Option("near_atr", 0.3, 0.0, 2.0),
        Option("volume_min", 0.7, 0.0, 10.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, atr, vwap = frame["close"], frame["atr_14"], frame["anchored_vwap"]
        near = self.option("near_atr") * atr
        above = (frame.prev("close") > frame.prev("anchored_vwap")) & (
            frame.prev("close", 2) > frame.prev("anchored_vwap", 2)
        )
        below = (frame.prev("close") < frame.prev("anchored_vwap")) & (
            frame.prev("close", 2) < frame.prev("anchored_vwap", 2)
        )
        middle = (frame["high"] + frame["low"]) / 2.0
        busy = frame["volume_ratio"] >= self.option("volume_min")
        held = (frame["low"] <= vwap + near) & (close > vwap + near) & (close > middle)
        capped = (frame["high"] >= vwap - near) & (close < vwap - near) & (close < middle)
        momentum = frame["momentum_score"]
        fresh_low = frame.prev("low") > frame.prev("anchored_vwap") + near
        fresh_high = frame.prev("high") < frame.prev("anchored_vwap") - near
        buy = above & fresh_low & held & busy & (momentum >= 40.0)
        sell = below & fresh_high & capped & busy & (momentum <= 60.0)
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(close - vwap) / atr, 0.1, 1.5)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.5)),
            (0.3, scale(frame, frame.absolute(momentum - 50.0), 0.0, 20.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="the session's VWAP held as support",
            reason_sell="the session's VWAP held as resistance",
            stop_buy=frame.minimum(vwap - 0.5 * atr, close - atr),
            stop_sell=frame.maximum(vwap + 0.5 * atr, close + atr),
            numbers={"anchored_vwap": vwap, "volume_ratio": frame["volume_ratio"], "momentum_score": momentum},
        )
