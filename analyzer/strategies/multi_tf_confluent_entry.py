"""A pullback ending in the direction of several timeframes."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below, graded
from core.rules.frames import Condition, Frame, scale
from core.rules.multi_timeframe import higher_trends


class MultiTfConfluentEntryStrategy(RuleStrategy):
    """BUY when this timeframe crosses over its EMA 12 while EMA 12 > 26 here and every timeframe above is rising;
    SELL mirrored.

    It reads the two timeframes above its own (``HIGHER_TIMEFRAMES``); while one is unknown it says nothing.
    """

    title = "MultiTF_ConfluentEntry"
    family = "structure_based"
    reads = (
        "close",
        "ema_12",
        "ema_26",
        "ema_50",
        "rsi_14",
        "adx_14",
        "confluence_agreement",
        "atr_14",
    )

    def event(self, frame: Frame) -> Condition:
        return crossed_above(frame, "close", "ema_12") | crossed_below(frame, "close", "ema_12")

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        trends = higher_trends(frame)
        total = frame.constant(0.0)
        for trend in trends:
            total = total + trend
        agreed = float(len(trends)) if trends else 2.0
        rising = (total >= agreed) & (frame["ema_12"] > frame["ema_26"])
        falling = (total <= -agreed) & (frame["ema_12"] < frame["ema_26"])
        buy = rising & crossed_above(frame, "close", "ema_12") & (frame["rsi_14"] < 70.0)
        sell = falling & crossed_below(frame, "close", "ema_12") & (frame["rsi_14"] > 30.0)
        strength, confidence = graded(
            (0.4, scale(frame, frame["adx_14"], 15.0, 40.0)),
            (0.3, scale(frame, frame["confluence_agreement"], 20.0, 90.0)),
            (0.3, scale(frame, frame.absolute(close - frame.prev("close")) / atr, 0.2, 1.5)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence + 0.05,
            reason_buy="back over EMA 12 with every higher timeframe rising",
            reason_sell="back under EMA 12 with every higher timeframe falling",
            numbers={"higher_trends": total, "ema_12": frame["ema_12"], "adx_14": frame["adx_14"]},
        )
