"""RSI divergence, for reversals of one to five days."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from core.rules.frames import Frame, scale


class RsiDivergenceStrategy(RuleStrategy):
    """BUY when the price made a lower swing low and RSI 14 a higher one, SELL on the mirror at highs.

    The signal is on the bar that confirms the second swing. RSI must still be under 50 (over 50 for SELL): beyond it
    the reversal has already happened. The stop is under the last 20 bars' low.
    """

    title = "RSI_Divergence"
    family = "mean_reversion"
    reads = (
        "close",
        "rsi_divergence",
        "obv_divergence",
        "rsi_14",
        "volume_ratio",
        "lowest_20",
        "atr_14",
    )

    def rule(self, frame: Frame) -> Verdict:
        event, rsi, atr = frame["rsi_divergence"], frame["rsi_14"], frame["atr_14"]
        before = frame.prev("rsi_divergence")
        buy = (event == 1.0) & (before != 1.0) & (rsi < 50.0)
        sell = (event == -1.0) & (before != -1.0) & (rsi > 50.0)
        also_volume = frame.where(buy, frame["obv_divergence"] == 1.0, frame["obv_divergence"] == -1.0)
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(rsi - 50.0), 2.0, 20.0)),
            (0.3, also_volume),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="bullish divergence of RSI 14",
            reason_sell="bearish divergence of RSI 14",
            stop_buy=frame.maximum(frame["lowest_20"] - 0.2 * atr, frame["close"] - 2.0 * atr),
            numbers={"rsi_divergence": event, "rsi_14": rsi, "obv_divergence": frame["obv_divergence"]},
        )
