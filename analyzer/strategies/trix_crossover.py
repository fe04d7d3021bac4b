"""TRIX crossing its signal line."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below, graded
from analyzer.strategies.events import stood_under
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

BARS_ON_A_SIDE = 5


class TrixCrossoverStrategy(RuleStrategy):
    """BUY on the bar where TRIX 15 goes over its signal (EMA 9), SELL where it goes under.

    TRIX smooths three times, so its crosses are late and few: it stood on the other side for five bars. The price must
    not have run away from EMA 12 by then.
    """

    title = "TRIX_Crossover"
    family = "trend_following"
    reads = (
        "close",
        "trix",
        "trix_signal",
        "ema_12",
        "natr",
        "volume_ratio",
        "atr_14",
    )
    lookback = BARS_ON_A_SIDE
    options = (Option("stretch_max", 2.5, 0.1, 10.0),)

    def rule(self, frame: Frame) -> Verdict:
        close, atr, fast = frame["close"], frame["atr_14"], frame["ema_12"]
        stretch = (close - fast) / atr
        far = self.option("stretch_max")
        was_under = stood_under(frame, "trix", "trix_signal", BARS_ON_A_SIDE)
        was_over = stood_under(frame, "trix_signal", "trix", BARS_ON_A_SIDE)
        buy = crossed_above(frame, "trix", "trix_signal") & was_under & (stretch > 0.0) & (stretch <= far)
        sell = crossed_below(frame, "trix", "trix_signal") & was_over & (stretch < 0.0) & (stretch >= -far)
        turn = frame.absolute(frame["trix"] - frame.prev("trix")) / frame["natr"]
        early = frame.where(buy, frame["trix"] < 0.0, frame["trix"] > 0.0)
        strength, confidence = graded(
            (0.4, scale(frame, turn, 0.005, 0.05)), (0.3, scale(frame, frame["volume_ratio"], 0.8, 2.0)), (0.3, early)
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="TRIX crossed over its signal",
            reason_sell="TRIX crossed under its signal",
            numbers={"trix": frame["trix"], "trix_signal": frame["trix_signal"], "stretch_atr": stretch},
        )
