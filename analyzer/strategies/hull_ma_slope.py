"""The Hull moving average turning."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class HullMaSlopeStrategy(RuleStrategy):
    """BUY when the slope of Hull 20 has turned up and held for two bars, by enough of the ATR, over EMA 50; SELL
    mirrored.
    """

    title = "HullMA_Slope"
    family = "trend_following"
    reads = (
        "close",
        "hull_20",
        "ema_50",
        "rsi_14",
        "adx_14",
        "volume_ratio",
        "atr_14",
    )
    lookback = 3
    options = (Option("slope_atr", 0.15, 0.0, 2.0),)

    def rule(self, frame: Frame) -> Verdict:
        atr = frame["atr_14"]
        slope = (frame["hull_20"] - frame.prev("hull_20")) / atr
        before = (frame.prev("hull_20") - frame.prev("hull_20", 2)) / atr
        earlier = (frame.prev("hull_20", 2) - frame.prev("hull_20", 3)) / atr
        least = self.option("slope_atr")
        above = frame["close"] > frame["ema_50"]
        buy = (slope >= least) & (before > 0.0) & (earlier <= 0.0) & above & (frame["rsi_14"] < 72.0)
        below = frame["close"] < frame["ema_50"]
        sell = (slope <= -least) & (before < 0.0) & (earlier >= 0.0) & below & (frame["rsi_14"] > 28.0)
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(slope), least, 0.6)),
            (0.3, scale(frame, frame["adx_14"], 15.0, 40.0)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="the Hull average turned up over EMA 50",
            reason_sell="the Hull average turned down under EMA 50",
            numbers={"hull_20": frame["hull_20"], "slope_atr": slope, "ema_50": frame["ema_50"]},
        )
