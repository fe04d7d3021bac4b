"""Fading a touch of a Bollinger band."""

from __future__ import annotations

from analyzer.strategies.base_strategy import RuleStrategy, Verdict, mean_target
from analyzer.strategies.options import Option
from core.rules.frames import Frame, scale


class BollingerTouchStrategy(RuleStrategy):
    """BUY when a bar touches the lower band and closes back inside in its upper half, SELL mirrored at the upper band.

    The first touch only: the bar before must not have touched. The band must be wide enough to pay for the trade, and
    the trend must not be strong (ADX). Target is the middle band if it is worth the risk.
    """

    title = "Bollinger_Touch"
    family = "mean_reversion"
    reads = (
        "high",
        "low",
        "close",
        "bb_upper",
        "bb_middle",
        "bb_lower",
        "bb_position",
        "bb_width",
        "rsi_14",
        "adx_14",
        "atr_14",
        "volume_ratio",
    )
    options = (Option("width_min_atr", 3.0, 0.0, 20.0), Option("adx_max", 40.0, 10.0, 100.0))

    def rule(self, frame: Frame) -> Verdict:
        close, high, low = frame["close"], frame["high"], frame["low"]
        upper, lower, atr = frame["bb_upper"], frame["bb_lower"], frame["atr_14"]
        wide = (upper - lower >= self.option("width_min_atr") * atr) & (frame["adx_14"] <= self.option("adx_max"))
        middle_of_bar = (high + low) / 2.0
        touched_low = (low <= lower) & (close > lower) & (close >= middle_of_bar)
        touched_high = (high >= upper) & (close < upper) & (close <= middle_of_bar)
        fresh_low = frame.prev("low") > frame.prev("bb_lower")
        fresh_high = frame.prev("high") < frame.prev("bb_upper")
        rsi = frame["rsi_14"]
        buy = touched_low & fresh_low & wide & (rsi < 50.0)
        sell = touched_high & fresh_high & wide & (rsi > 50.0)
        pierced = frame.where(buy, lower - low, high - upper) / atr
        deep = scale(frame, pierced, 0.0, 0.8)
        stretched = scale(frame, frame.absolute(rsi - 50.0), 5.0, 25.0)
        volume = scale(frame, frame["volume_ratio"], 0.8, 2.0)
        return Verdict(
            buy=buy,
            sell=sell,
            strength=0.3 + 0.3 * deep + 0.25 * stretched + 0.15 * volume,
            confidence=0.58 + 0.12 * deep + 0.12 * stretched + 0.06 * volume,
            reason_buy="touched the lower Bollinger band and closed back inside",
            reason_sell="touched the upper Bollinger band and closed back inside",
            target_buy=mean_target(frame, frame["bb_middle"], above=True),
            target_sell=mean_target(frame, frame["bb_middle"], above=False),
            numbers={"bb_upper": upper, "bb_lower": lower, "bb_position": frame["bb_position"], "rsi_14": rsi},
        )
