"""Joining the start of a pump, leaving when it turns."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class PumpDumpPatternStrategy(RuleStrategy):
    """BUY on the first bar of a volume burst that breaks the 20-bar high before the run is long; never in its late
    phase.

    Start: volume over three times its average, a move over 1.5 ATR, ROC 10 still under ten average ranges, RSI under
    85. SELL when a run of at least five average ranges within the last bars breaks: a fall over 1.5 ATR on volume.
    """

    title = "Pump_Dump_Pattern"
    family = "volume_based"
    reads = (
        "close",
        "volume_ratio",
        "move_atr",
        "roc_10",
        "natr",
        "donchian_upper",
        "rsi_14",
        "atr_14",
    )
    options = (
        Option("volume_min", 3.0, 1.5, 20.0),
        Option("run_max", 10.0, 2.0, 50.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        ratio, move = frame["volume_ratio"], frame["move_atr"]
        run, run_before = frame["roc_10"] / frame["natr"], frame.divide(frame.prev("roc_10"), frame.prev("natr"))
        burst = ratio >= self.option("volume_min")
        calm_before = frame.prev("volume_ratio") < self.option("volume_min")
        fresh = (frame["close"] > frame["donchian_upper"]) & (run <= self.option("run_max")) & (frame["rsi_14"] < 85.0)
        buy = burst & calm_before & (move >= 1.5) & fresh
        extended = (run_before >= 5.0) | (frame.prev("rsi_14") >= 80.0)
        sell = extended & (move <= -1.5) & (ratio >= 1.5)
        strength, confidence = graded(
            (0.5, scale(frame, ratio, 2.0, 8.0)),
            (0.5, scale(frame, frame.absolute(move), 1.5, 5.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="a volume burst broke the 20-bar high",
            reason_sell="a pump turned down on volume",
            numbers={"volume_ratio": ratio, "move_atr": move, "run_natr": run, "rsi_14": frame["rsi_14"]},
        )
