"""CCI turning back from an extreme."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class CciReversalStrategy(RuleStrategy):
    """BUY on the bar where CCI 20 comes back over its low extreme, SELL where it comes back under the high one.

    The extreme is wider when the range is: 160 in a normal market, times .9, 1.3, 1.5 in low, high, extreme volatility.
    The bar must close in the direction of the reversal and take back more than half of the bar before.
    """

    title = "CCI_Reversal"
    family = "mean_reversion"
    reads = (
        "open",
        "high",
        "low",
        "close",
        "cci_20",
        "volatility_regime",
        "rsi_14",
        "atr_14",
    )
    options = (Option("extreme", 160.0, 50.0, 400.0),)

    def rule(self, frame: Frame) -> Verdict:
        cci, before = frame["cci_20"], frame.prev("cci_20")
        extreme = frame.constant(self.option("extreme"))
        for label, factor in (("low", 0.9), ("high", 1.3), ("extreme", 1.5)):
            extreme = frame.where(frame.label("volatility_regime", label), factor * self.option("extreme"), extreme)
        close, opened, rsi = frame["close"], frame["open"], frame["rsi_14"]
        half = (frame.prev("high") + frame.prev("low")) / 2.0
        buy = (before <= -extreme) & (cci > -extreme) & (close > opened) & (close > half) & (rsi < 50.0)
        sell = (before >= extreme) & (cci < extreme) & (close < opened) & (close < half) & (rsi > 50.0)
        depth = frame.absolute(before) - extreme
        strength, confidence = graded(
            (0.35, scale(frame, depth, 0.0, 100.0)),
            (0.35, scale(frame, frame.absolute(cci - before), 20.0, 150.0)),
            (0.3, scale(frame, frame.absolute(rsi - 50.0), 5.0, 25.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="CCI 20 came back over its low extreme",
            reason_sell="CCI 20 came back under its high extreme",
            numbers={"cci_20": cci, "cci_20_before": before, "extreme": extreme, "rsi_14": rsi},
        )
