"""Supertrend changing sides."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from core.rules.frames import Frame, scale


class SupertrendReversalStrategy(RuleStrategy):
    """BUY on the bar where Supertrend (10 bars, 3 ATR) turns from falling to rising, SELL where it turns back.

    It must have pointed the other way for four bars: a line that flips to and fro says nothing. The stop is the
    Supertrend line itself.
    """

    title = "Supertrend_Reversal"
    family = "trend_following"
    reads = (
        "close",
        "supertrend",
        "supertrend_direction",
        "volume_ratio",
        "adx_14",
        "atr_14",
    )

    lookback = 4

    def rule(self, frame: Frame) -> Verdict:
        direction = frame["supertrend_direction"]
        held_down, held_up = True, True
        for age in (1, 2, 3, 4):
            held_down = held_down & (frame.prev("supertrend_direction", age) == -1.0)
            held_up = held_up & (frame.prev("supertrend_direction", age) == 1.0)
        line, close, atr = frame["supertrend"], frame["close"], frame["atr_14"]
        buy = (direction == 1.0) & held_down
        sell = (direction == -1.0) & held_up
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(close - frame.prev("close")) / atr, 0.3, 2.0)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.5)),
            (0.3, scale(frame, frame["adx_14"], 15.0, 40.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="Supertrend turned up",
            reason_sell="Supertrend turned down",
            stop_buy=frame.minimum(line, close - atr),
            target_buy=close + 2.0 * frame.maximum(close - line, atr),
            stop_sell=frame.maximum(line, close + atr),
            target_sell=close - 2.0 * frame.maximum(line - close, atr),
            numbers={"supertrend": line, "adx_14": frame["adx_14"], "volume_ratio": frame["volume_ratio"]},
        )
