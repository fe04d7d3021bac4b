"""Stochastic RSI rebounding out of its extreme."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, fell_below, graded, rose_above
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class StochRsiReboundStrategy(RuleStrategy):
    """BUY when StochRSI crosses back over ``low`` and over its own mean, SELL mirrored at ``high``.

    Only where there is something to revert to: not with ADX over ``adx_max``.
    """

    title = "StochRSI_Rebound"
    family = "mean_reversion"
    reads = (
        "open",
        "close",
        "stoch_rsi",
        "stoch_rsi_d",
        "rsi_14",
        "adx_14",
        "volume_ratio",
        "atr_14",
    )
    options = (
        Option("low", 20.0, 2.0, 45.0),
        Option("high", 80.0, 55.0, 98.0),
        Option("adx_max", 35.0, 10.0, 100.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        k, d, before = frame["stoch_rsi"], frame["stoch_rsi_d"], frame.prev("stoch_rsi")
        low, high = self.option("low"), self.option("high")
        calm = frame["adx_14"] <= self.option("adx_max")
        rsi = frame["rsi_14"]
        rose = rose_above(frame, "stoch_rsi", low) & (frame.prev("stoch_rsi_d") < low)
        fell = fell_below(frame, "stoch_rsi", high) & (frame.prev("stoch_rsi_d") > high)
        buy = rose & (k > d) & calm & (rsi < 44.0) & (frame["close"] > frame["open"])
        sell = fell & (k < d) & calm & (rsi > 56.0) & (frame["close"] < frame["open"])
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(k - before), 5.0, 50.0)),
            (0.4, scale(frame, frame.absolute(rsi - 50.0), 2.0, 20.0)),
            (0.2, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="StochRSI rebounded from its low extreme",
            reason_sell="StochRSI turned down from its high extreme",
            numbers={"stoch_rsi": k, "stoch_rsi_before": before, "stoch_rsi_d": d, "rsi_14": rsi},
        )
