"""One of two correlated pairs oversold while the other is steady."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, fell_below, graded, rose_above, stale
from analyzer.strategies.options import Option
from core.rules.frames import Condition, Frame, scale


class CrossPairSwingStrategy(RuleStrategy):
    """BUY when RSI 14 comes back over 30 here while the leading coin (BTC, or ETH for BTC) stays steady; SELL mirrored.

    Steady: RSI of the leader between 40 and 60, and its last ten bars within two average ranges. The leader is taken
    from ``symbols`` in the market data; without it there is no vote.
    """

    title = "Cross_Pair_Swing"
    family = "structure_based"
    reads = (
        "close",
        "rsi_14",
        "roc_10",
        "natr",
        "atr_14",
    )
    options = (
        Option("oversold", 30.0, 5.0, 45.0, "RSI_OVERSOLD"),
        Option("overbought", 70.0, 55.0, 95.0, "RSI_OVERBOUGHT"),
    )

    def event(self, frame: Frame) -> Condition:
        left_low, left_high = self.option("oversold"), self.option("overbought")
        return rose_above(frame, "rsi_14", left_low) | fell_below(frame, "rsi_14", left_high)

    def rule(self, frame: Frame) -> Verdict:
        leader = _leader(frame)
        other_rsi, other_move = leader["rsi_14"], leader["roc_10"]
        steady = (other_rsi >= 40.0) & (other_rsi <= 60.0) & (frame.absolute(other_move) <= 2.0 * leader["natr"])
        steady = steady & frame.no(stale(frame, leader))
        rsi, before = frame["rsi_14"], frame.prev("rsi_14")
        buy = rose_above(frame, "rsi_14", self.option("oversold")) & steady
        sell = fell_below(frame, "rsi_14", self.option("overbought")) & steady
        apart = frame.absolute(before - other_rsi)
        strength, confidence = graded(
            (0.6, scale(frame, apart, 10.0, 35.0)), (0.4, scale(frame, frame.absolute(rsi - before), 1.0, 10.0))
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="rebounds from oversold while the leading pair is steady",
            reason_sell="turns down from overbought while the leading pair is steady",
            numbers={"rsi_14": rsi, "leader_rsi_14": other_rsi, "leader_roc_10": other_move},
        )


def _leader(frame: Frame) -> Frame:
    """BTC, or ETH when this is BTC: in the same quote asset, else in any."""
    wanted = "ETH" if frame.symbol.startswith("BTC") else "BTC"
    leaders = [symbol for symbol in frame.peers if symbol.startswith(wanted)]
    same_quote = [symbol for symbol in leaders if frame.symbol.endswith(symbol.removeprefix(wanted))]
    return frame.peer((same_quote or leaders or [wanted])[0])
