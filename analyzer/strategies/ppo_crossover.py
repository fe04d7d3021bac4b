"""PPO crossing its signal line."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class PpoCrossoverStrategy(RuleStrategy):
    """BUY on the bar where PPO goes over its signal while under zero, SELL where it goes under it while over zero.

    The cross on the far side of zero is the one that starts a move. The size of PPO is judged against NATR.
    """

    title = "PPO_Crossover"
    family = "trend_following"
    reads = (
        "close",
        "ppo",
        "ppo_signal",
        "ppo_histogram",
        "natr",
        "volume_ratio",
        "atr_14",
    )
    options = (Option("size_natr", 0.35, 0.0, 5.0),)

    def rule(self, frame: Frame) -> Verdict:
        ppo, natr = frame["ppo"], frame["natr"]
        size = frame.absolute(ppo) / natr
        least = self.option("size_natr")
        buy = crossed_above(frame, "ppo", "ppo_signal") & (ppo < 0.0) & (size >= least)
        sell = crossed_below(frame, "ppo", "ppo_signal") & (ppo > 0.0) & (size >= least)
        turn = frame.absolute(frame["ppo_histogram"] - frame.prev("ppo_histogram")) / natr
        strength, confidence = graded(
            (0.4, scale(frame, size, least, 1.5)),
            (0.4, scale(frame, turn, 0.02, 0.2)),
            (0.2, scale(frame, frame["volume_ratio"], 0.8, 2.0)),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="PPO crossed over its signal below zero",
            reason_sell="PPO crossed under its signal above zero",
            numbers={"ppo": ppo, "ppo_signal": frame["ppo_signal"], "natr": natr},
        )
