"""Holding the strongest coin of a basket."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded, stale
from analyzer.strategies.options import Option
from shared.src.indicators.frames import Frame, scale


class PairRotationStrategy(RuleStrategy):
    """BUY one bar after this symbol becomes the best of the basket over 7 days, SELL where it becomes the
    worst.

    The basket is this symbol and those given as ``symbols`` in the market data; at least two others must be known. The
    best must be rising, the worst must be falling, and by a share of its usual daily range: a rotation pays two fees.
    """

    title = "Pair_Rotation"
    family = "structure_based"
    reads = (
        "close",
        "roc_7",
        "natr",
        "atr_14",
    )
    options = (Option("lead_natr", 0.5, 0.0, 10.0),)
    timeframes = ("1d",)
    lookback = 2

    def rule(self, frame: Frame) -> Verdict:
        # the others are known up to the bar before this one, so that is where all are compared
        mine, mine_before = frame.prev("roc_7"), frame.prev("roc_7", 2)
        best, worst = frame.constant(float("-inf")), frame.constant(float("inf"))
        best_before, worst_before = best, worst
        count = frame.constant(0.0)
        for symbol in frame.peers:
            other = frame.peer(symbol)
            now, before = other["roc_7"], other.prev("roc_7")
            both = frame.known(now, before) & frame.no(stale(frame, other))
            count = count + 1.0 * both
            best = frame.where(both & (now > best), now, best)
            worst = frame.where(both & (now < worst), now, worst)
            best_before = frame.where(both & (before > best_before), before, best_before)
            worst_before = frame.where(both & (before < worst_before), before, worst_before)
        enough = (count >= 2.0) & frame.known(mine_before)
        usual = frame.prev("natr")
        least, least_before = self.option("lead_natr") * usual, self.option("lead_natr") * frame.prev("natr", 2)
        buy = enough & (mine - best > least) & (mine > 0.0) & frame.no(mine_before - best_before > least_before)
        sell = enough & (worst - mine > least) & (mine < 0.0) & frame.no(worst_before - mine_before > least_before)
        lead = frame.where(buy, mine - best, worst - mine)
        strength, confidence = graded(
            (0.6, scale(frame, lead, least, least + 2.0 * usual)), (0.4, scale(frame, frame.absolute(mine), 0.0, 15.0))
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="became the strongest of the basket over 7 days",
            reason_sell="became the weakest of the basket over 7 days",
            numbers={"roc_7": mine, "best_other": best, "worst_other": worst},
        )
