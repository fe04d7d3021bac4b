"""On balance volume crossing its average, or saying another thing than the price."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.events import held_over, held_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_ON_A_SIDE = 2


class ObvCrossoverStrategy(RuleStrategy):
    """BUY when OBV crosses over its mean of 10 by enough volume, or when volume and price diverge; SELL mirrored.

    A cross: OBV was on the other side for two bars, so that one that comes back after a bar has crossed nothing. A
    divergence: the price made a lower swing low and OBV a higher one, on the bar that confirms it, with OBV over its
    mean by now. Either needs volume, and the close on its side of VWAP. The distance is in bars' worth of volume, so it
    does not depend on where OBV counted from.
    """

    title = "OBV_Crossover"
    family = "volume_based"
    reads = (
        "close",
        "obv_oscillator",
        "obv_divergence",
        "volume_ratio",
        "vwap_10",
        "atr_14",
    )
    lookback = 4
    options = (
        Option("distance_min", 0.8, 0.0, 20.0),
        Option("volume_min", 1.0, 0.0, 10.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        distance = frame["obv_oscillator"]
        was_under = held_under(frame, "obv_oscillator", 0.0, BARS_ON_A_SIDE)
        was_over = held_over(frame, "obv_oscillator", 0.0, BARS_ON_A_SIDE)
        least = self.option("distance_min")
        busy = frame["volume_ratio"] >= self.option("volume_min")
        up, down = busy & (frame["close"] > frame["vwap_10"]), busy & (frame["close"] < frame["vwap_10"])
        event, before = frame["obv_divergence"], frame.prev("obv_divergence")
        lower_low = (event == 1.0) & (before != 1.0) & (distance > 0.0)
        higher_high = (event == -1.0) & (before != -1.0) & (distance < 0.0)
        buy = up & (((distance >= least) & was_under) | lower_low)
        sell = down & (((distance <= -least) & was_over) | higher_high)
        recent = event
        for age in (1, 2, 3, 4):
            recent = recent + frame.prev("obv_divergence", age)
        divergent = frame.where(buy, recent > 0.0, recent < 0.0)
        strength, confidence = graded(
            (0.4, scale(frame, frame.absolute(distance), least, 3.0)),
            (0.4, scale(frame, frame["volume_ratio"], 1.0, 3.0)),
            (0.2, divergent),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="OBV crossed over its average, or diverged from a lower low",
            reason_sell="OBV crossed under its average, or diverged from a higher high",
            numbers={"obv_oscillator": distance, "volume_ratio": frame["volume_ratio"], "divergence": recent},
        )
