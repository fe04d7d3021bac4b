"""Composite scores: where several indicators point together. All are scale-free."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import NAN, Frame, Value, clip, scale
from core.rules.labels import code_of

# what rounding leaves of a difference that is none, as a share of the price, in points, or in bars of volume
NOISE = 1e-9


@register
class StochasticSignal(FormulaIndicator):
    """OVERSOLD while %K and %D are under 20, OVERBOUGHT while both are over 80."""

    reads = ("stoch_k", "stoch_d")
    writes = ("stoch_signal",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        k, d = frame["stoch_k"], frame["stoch_d"]
        code = frame.constant(code_of("stoch_signal", "NEUTRAL"))
        code = frame.where((k < 20.0) & (d < 20.0), code_of("stoch_signal", "OVERSOLD"), code)
        code = frame.where((k > 80.0) & (d > 80.0), code_of("stoch_signal", "OVERBOUGHT"), code)
        return (frame.where(frame.known(k, d), code, frame.constant(NAN)),)


@register
class MomentumScore(FormulaIndicator):
    """0 falling fast, 50 still, 100 rising fast.

    40 % RSI, 30 % MACD histogram over half an average range, 20 % ADX (to 50) with the sign of the directional index,
    10 % ROC 10 over 5 average ranges.
    """

    reads = ("rsi_14", "macd_histogram", "atr_14", "adx_14", "plus_di", "minus_di", "roc_10", "natr")
    writes = ("momentum_score",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        histogram = clip(frame, frame.divide(frame["macd_histogram"], 0.5 * frame["atr_14"]), -1.0, 1.0)
        sign = frame.where(frame["plus_di"] > frame["minus_di"], 1.0, frame.constant(-1.0))
        trend = clip(frame, frame["adx_14"] / 50.0, 0.0, 1.0) * sign
        move = clip(frame, frame.divide(frame["roc_10"], 5.0 * frame["natr"]), -1.0, 1.0)
        rsi = (frame["rsi_14"] - 50.0) / 50.0
        return (50.0 + 50.0 * (0.4 * rsi + 0.3 * histogram + 0.2 * trend + 0.1 * move),)


@register
class Confluence(FormulaIndicator):
    """``confluence_score``: weighted vote, 0 all bearish, 50 undecided, 100 all bullish. It has a direction.

    EMA 12 > 26 (2), close > EMA 50 (1.5), RSI > 50 (1), MACD > signal (2), %K > %D (1), +DI > -DI when ADX is over 20
    (2.5), OBV over its mean (1.5), close over the middle band (1), Supertrend (1.5). A difference of a billionth, which
    running sums leave where both sides are equal, is no opinion.
    ``confluence_agreement``: how one-sided the vote is, 0..100, without direction.
    """

    reads = (
        "close",
        "ema_12",
        "ema_26",
        "ema_50",
        "rsi_14",
        "macd_line",
        "macd_signal",
        "stoch_k",
        "stoch_d",
        "adx_14",
        "plus_di",
        "minus_di",
        "obv_oscillator",
        "bb_middle",
        "supertrend_direction",
    )
    writes = ("confluence_score", "confluence_agreement")
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        moving = 1.0 * (frame["adx_14"] >= 20.0)
        close = frame["close"]
        tick = NOISE * close
        votes = (
            (2.0, frame["ema_12"] - frame["ema_26"], tick),
            (1.5, close - frame["ema_50"], tick),
            (1.0, frame["rsi_14"] - 50.0, NOISE),
            (2.0, frame["macd_line"] - frame["macd_signal"], tick),
            (1.0, frame["stoch_k"] - frame["stoch_d"], NOISE),
            (2.5, moving * (frame["plus_di"] - frame["minus_di"]), NOISE),
            (1.5, frame["obv_oscillator"], NOISE),
            (1.0, close - frame["bb_middle"], tick),
            (1.5, frame["supertrend_direction"], NOISE),
        )
        total = frame.constant(0.0)
        for weight, opinion, least in votes:
            total = total + weight * (1.0 * (opinion > least) - 1.0 * (opinion < -least))
        balance = total / sum(weight for weight, _, _ in votes)
        known = frame.known(*(opinion for _, opinion, _ in votes))
        unknown = frame.constant(NAN)
        return (
            frame.where(known, 50.0 + 50.0 * balance, unknown),
            frame.where(known, 100.0 * frame.absolute(balance), unknown),
        )


@register
class SignalStrength(FormulaIndicator):
    """How much a signal on this bar could rest on, whatever its side: WEAK under .3, MODERATE .5, STRONG .7.

    .4 agreement, .2 ADX (15..45), .15 regime confidence, .15 volume quality, .1 pattern confidence.
    """

    reads = ("confluence_agreement", "adx_14", "regime_confidence", "volume_quality_score", "pattern_confidence")
    writes = ("signal_strength",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        score = (
            0.004 * frame["confluence_agreement"]
            + 0.2 * scale(frame, frame["adx_14"], 15.0, 45.0)
            + 0.0015 * frame["regime_confidence"]
            + 0.0015 * frame["volume_quality_score"]
            + 0.001 * frame["pattern_confidence"]
        )
        code = frame.constant(code_of("signal_strength", "WEAK"))
        for bound, label in ((0.3, "MODERATE"), (0.5, "STRONG"), (0.7, "VERY_STRONG")):
            code = frame.where(score >= bound, code_of("signal_strength", label), code)
        return (frame.where(frame.known(score), code, frame.constant(NAN)),)


@register
class DataQuality(FormulaIndicator):
    """EXCELLENT once the slowest inputs are known (the 100-bar rank), GOOD once EMA 26 and ADX are, else WARMING."""

    reads = ("atr_percentile", "adx_14", "ema_26")
    writes = ("data_quality",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        code = frame.constant(code_of("data_quality", "WARMING"))
        code = frame.where(frame.known(frame["adx_14"], frame["ema_26"]), code_of("data_quality", "GOOD"), code)
        return (frame.where(frame.known(frame["atr_percentile"]), code_of("data_quality", "EXCELLENT"), code),)
