"""MACD crossing its signal line."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, crossed_above, crossed_below
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class MacdCrossoverStrategy(RuleStrategy):
    """BUY on the bar where the MACD goes over its signal, SELL where it goes under, by at least a share of the ATR.

    Not with RSI already at the far end of the move.
    """

    title = "MACD_Crossover"
    family = "trend_following"
    reads = ("close", "macd_line", "macd_signal", "macd_histogram", "rsi_14", "ema_50", "atr_14", "volume_ratio")
    options = (
        Option("separation_atr", 0.04, 0.0, 1.0),
        Option("rsi_high", 78.0, 55.0, 100.0),
        Option("rsi_low", 22.0, 0.0, 45.0),
    )

    def rule(self, frame: Frame) -> Verdict:
        gap = frame["macd_histogram"] / frame["atr_14"]
        least = self.option("separation_atr")
        rsi = frame["rsi_14"]
        buy = crossed_above(frame, "macd_line", "macd_signal") & (gap >= least) & (rsi < self.option("rsi_high"))
        sell = crossed_below(frame, "macd_line", "macd_signal") & (gap <= -least) & (rsi > self.option("rsi_low"))
        wide = scale(frame, frame.absolute(gap), least, least + 0.15)
        volume = scale(frame, frame["volume_ratio"], 0.8, 2.0)
        trend_side = frame["close"] - frame["ema_50"]
        with_trend = frame.where(buy, trend_side > 0.0, trend_side < 0.0)
        # a cross on the far side of zero starts a move; one that is already extended joins it late
        early = frame.where(buy, frame["macd_line"] < 0.0, frame["macd_line"] > 0.0)
        return Verdict(
            buy=buy,
            sell=sell,
            strength=0.3 + 0.3 * wide + 0.15 * volume + 0.15 * with_trend + 0.1 * early,
            confidence=0.58 + 0.12 * wide + 0.08 * volume + 0.08 * with_trend + 0.06 * early,
            reason_buy="MACD crossed above its signal line",
            reason_sell="MACD crossed below its signal line",
            numbers={
                "macd_line": frame["macd_line"],
                "macd_signal": frame["macd_signal"],
                "gap_atr": gap,
                "rsi_14": rsi,
            },
        )
