"""A level giving way on volume."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.events import held_over, held_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_HELD = 3


class SupportBreakoutStrategy(RuleStrategy):
    """SELL when a close goes under a support that held at least twice, on volume; BUY over such a resistance.

    The level comes from earlier bars, and the three closes before stood on its near side: one that the price goes over
    and under holds nothing. The stop is the other side of the level.
    """

    title = "Support_Breakout"
    family = "breakout"
    reads = (
        "close",
        "nearest_support",
        "nearest_resistance",
        "support_touches",
        "resistance_touches",
        "volume_ratio",
        "momentum_score",
        "atr_14",
    )
    lookback = BARS_HELD
    options = (
        Option("break_atr", 0.2, 0.0, 3.0),
        Option("volume_min", 1.3, 0.0, 10.0),
        Option("touches_min", 2.0, 1.0, 10.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        support, resistance = frame["nearest_support"], frame["nearest_resistance"]
        least = self.option("break_atr") * atr
        busy = frame["volume_ratio"] >= self.option("volume_min")
        tested = self.option("touches_min")
        sell = (
            (close < support - least) & (frame["support_touches"] >= tested) & busy & (frame["momentum_score"] < 50.0)
        )
        buy = (
            (close > resistance + least)
            & (frame["resistance_touches"] >= tested)
            & busy
            & (frame["momentum_score"] > 50.0)
        )
        buy = buy & held_under(frame, "close", resistance, BARS_HELD)
        sell = sell & held_over(frame, "close", support, BARS_HELD)
        level = frame.where(buy, resistance, support)
        touches = frame.where(buy, frame["resistance_touches"], frame["support_touches"])
        strength, confidence = graded(
            (0.35, scale(frame, frame["volume_ratio"], 1.0, 3.0)),
            (0.35, scale(frame, touches, 2.0, 5.0)),
            (0.3, scale(frame, frame.absolute(close - level) / atr, 0.1, 1.5)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="a tested resistance gave way on volume",
            reason_sell="a tested support gave way on volume",
            stop_buy=frame.minimum(resistance - 0.5 * atr, close - atr),
            stop_sell=frame.maximum(support + 0.5 * atr, close + atr),
            numbers={"level": level, "touches": touches, "volume_ratio": frame["volume_ratio"]},
        )
