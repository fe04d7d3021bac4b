"""Breaking a support or resistance level while the range is wide."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.events import held_over, held_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_HELD = 3


class AtrBreakoutStrategy(RuleStrategy):
    """BUY when a close goes over the nearest resistance by a share of the ATR, in a market whose range is above
    its median.

    The level comes from earlier bars, and the three closes before stood on its near side, so breaking it is an event.
    A run through one level after the other is one break. SELL mirrored at support. The bar itself must be wider than
    the average range. The stop is half an ATR behind the broken level.
    """

    title = "ATR_Breakout"
    family = "breakout"
    reads = (
        "close",
        "atr_14",
        "atr_percentile",
        "true_range",
        "nearest_resistance",
        "nearest_support",
        "resistance_touches",
        "support_touches",
        "adx_14",
        "momentum_score",
        "volume_ratio",
    )
    lookback = BARS_HELD
    options = (
        Option("percentile_min", 60.0, 0.0, 100.0),
        Option("break_atr", 0.25, 0.0, 3.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        resistance, support = frame["nearest_resistance"], frame["nearest_support"]
        least = self.option("break_atr") * atr
        wide = (frame["atr_percentile"] >= self.option("percentile_min")) & (
            frame["true_range"] >= frame.prev("atr_14")
        )
        trending = frame["adx_14"] >= 18.0
        buy = (
            (close > resistance + least)
            & held_under(frame, "close", resistance, BARS_HELD)
            & frame.no(frame.prev("close") > frame.prev("nearest_resistance"))
            & wide
            & trending
            & (frame["momentum_score"] > 50.0)
        )
        sell = (
            (close < support - least)
            & held_over(frame, "close", support, BARS_HELD)
            & frame.no(frame.prev("close") < frame.prev("nearest_support"))
            & wide
            & trending
            & (frame["momentum_score"] < 50.0)
        )
        level = frame.where(buy, resistance, support)
        beyond = frame.absolute(close - level) / atr
        touches = frame.where(buy, frame["resistance_touches"], frame["support_touches"])
        strength, confidence = graded(
            (0.3, scale(frame, frame["atr_percentile"], 50.0, 95.0)),
            (0.3, scale(frame, beyond, 0.1, 1.5)),
            (0.2, scale(frame, frame["volume_ratio"], 0.8, 2.5)),
            (0.2, scale(frame, touches, 1.0, 4.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="closed over resistance on a wide range",
            reason_sell="closed under support on a wide range",
            stop_buy=frame.minimum(resistance - 0.5 * atr, close - atr),
            stop_sell=frame.maximum(support + 0.5 * atr, close + atr),
            numbers={"level": level, "atr_percentile": frame["atr_percentile"], "touches": touches},
        )
