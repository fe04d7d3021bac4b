"""Breaking out of a consolidation, target its height."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, graded
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale

RANGE_BARS = 5


class RangeBreakoutStrategy(RuleStrategy):
    """BUY when the close leaves the range of the five bars before upwards, SELL when it leaves it downwards.

    Daily and four-hour charts. A consolidation is narrower than what five bars usually span (about two average ranges)
    and flat: its closes at both ends are at most half its height apart. It is left by a share of the ATR, not by a
    tick, and on more volume than usual. The target is the height of the range added to its edge, the stop just inside
    the broken edge.
    """

    title = "Range_Breakout"
    family = "breakout"
    reads = (
        "close",
        "highest_5",
        "lowest_5",
        "volume_ratio",
        "bb_squeeze",
        "atr_14",
    )
    lookback = RANGE_BARS
    options = (
        Option("height_atr", 1.6, 0.5, 20.0),
        Option("break_atr", 0.1, 0.0, 3.0),
        Option("volume_min", 1.2, 0.0, 10.0),
    )
    timeframes = ("4h", "1d")

    def rule(self, frame: Frame) -> Verdict:
        close, atr = frame["close"], frame["atr_14"]
        top, bottom = frame.prev("highest_5"), frame.prev("lowest_5")
        height = top - bottom
        drift = frame.absolute(frame.prev("close") - frame.prev("close", RANGE_BARS))
        tight = (height <= self.option("height_atr") * frame.prev("atr_14")) & (drift <= 0.5 * height)
        least = self.option("break_atr") * atr
        tight = tight & (frame["volume_ratio"] >= self.option("volume_min"))
        buy = tight & (close > top + least) & (frame.prev("close") <= frame.prev("highest_5", 2))
        sell = tight & (close < bottom - least) & (frame.prev("close") >= frame.prev("lowest_5", 2))
        strength, confidence = graded(
            (0.4, scale(frame, frame["volume_ratio"], 0.8, 2.5)),
            (0.3, scale(frame, frame.where(buy, close - top, bottom - close) / atr, 0.0, 1.0)),
            (0.3, frame["bb_squeeze"] == 1.0),
        )
        return Verdict(
            buy=buy,
            sell=sell,
            strength=strength,
            confidence=confidence,
            reason_buy="left a consolidation upwards",
            reason_sell="left a consolidation downwards",
            stop_buy=frame.minimum(top - 0.5 * atr, close - 0.75 * atr),
            target_buy=frame.maximum(top + height, close + 1.5 * atr),
            stop_sell=frame.maximum(bottom + 0.5 * atr, close + 0.75 * atr),
            target_sell=frame.minimum(bottom - height, close - 1.5 * atr),
            numbers={"range_high": top, "range_low": bottom, "volume_ratio": frame["volume_ratio"]},
        )
