"""Holding the strongest coin of a basket."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded, stale
from analyzer.strategies.options import Option
from core.rules.frames import Condition, Frame, Value, scale


class PairRotationStrategy(RuleStrategy):
    """BUY when this symbol has become the best of the basket over 7 days and still is a day later, SELL where it has
    become the worst.

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
    lookback = 3

    def rule(self, frame: Frame) -> Verdict:
        # the others are known up to the bar before this one, so that is where all are compared
        now, day_before, earlier = (self._standing(frame, age) for age in (1, 2, 3))
        enough = frame.known(now.count, earlier.mine) & (now.count >= 2.0)
        mine, least, usual = now.mine, now.least, frame.prev("natr")
        buy = enough & (mine > 0.0) & now.best & day_before.best & frame.no(earlier.best)
        sell = enough & (mine < 0.0) & now.worst & day_before.worst & frame.no(earlier.worst)
        lead = frame.where(buy, mine - now.highest, now.lowest - mine)
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
            numbers={"roc_7": mine, "best_other": now.highest, "worst_other": now.lowest},
        )

    def _standing(self, frame: Frame, age: int) -> _Standing:
        """Where this symbol stood ``age`` bars ago among those of the others that are known now and then."""
        mine, least = frame.prev("roc_7", age), self.option("lead_natr") * frame.prev("natr", age)
        highest, lowest = frame.constant(float("-inf")), frame.constant(float("inf"))
        count = frame.constant(0.0)
        for symbol in frame.peers:
            other = frame.peer(symbol)
            value = other.prev("roc_7", age - 1)
            both = frame.known(value, other.prev("roc_7", 2)) & frame.no(stale(frame, other))
            count = count + 1.0 * both
            highest = frame.where(both & (value > highest), value, highest)
            lowest = frame.where(both & (value < lowest), value, lowest)
        return _Standing(mine, highest, lowest, count, least, mine - highest > least, lowest - mine > least)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Seven days' change here and of the best and worst other, and whether this one leads or trails by enough."""

    mine: Value
    highest: Value
    lowest: Value
    count: Value
    least: Value
    best: Condition
    worst: Condition
