"""Williams %R rebounding out of its extreme."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.events import held_over, held_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_BEYOND = 3


class WilliamsRReboundStrategy(RuleStrategy):
    """BUY on the bar where %R crosses back over ``low`` after three bars under it, SELL where it crosses back under
    ``high``.

    The close must move the same way by a share of the ATR.
    """

    title = "WilliamsR_Rebound"
    family = "mean_reversion"
    reads = (
        "close",
        "williams_r",
        "rsi_14",
        "adx_14",
        "volume_ratio",
        "atr_14",
    )
    lookback = BARS_BEYOND
    options = (
        Option("low", -80.0, -99.0, -55.0),
        Option("high", -20.0, -45.0, -1.0),
        Option("move_atr", 0.5, 0.0, 5.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        value, atr = frame["williams_r"], frame["atr_14"]
        low, high = self.option("low"), self.option("high")
        move = (frame["close"] - frame.prev("close")) / atr
        least = self.option("move_atr")
        buy = (value > low) & held_under(frame, "williams_r", low, BARS_BEYOND) & (move >= least)
        sell = (value < high) & held_over(frame, "williams_r", high, BARS_BEYOND) & (move <= -least)
        rsi = frame["rsi_14"]
        buy = buy & (rsi < 48.0) & (frame["adx_14"] <= 40.0)
        sell = sell & (rsi > 52.0) & (frame["adx_14"] <= 40.0)
        depth = frame.where(buy, low - frame.prev("williams_r"), frame.prev("williams_r") - high)
        strength, confidence = graded(
            (0.35, scale(frame, depth, 0.0, 18.0)),
            (0.35, scale(frame, frame.absolute(move), least, 1.5)),
            (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="%R rebounded from its low extreme",
            reason_sell="%R turned down from its high extreme",
            numbers={"williams_r": value, "williams_r_before": frame.prev("williams_r"), "rsi_14": rsi},
        )
