"""What the volume says about the move it comes with."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import NAN, Frame, Value, scale
from core.rules.labels import code_of

# context -> volume ratio that makes it credible, and the one that makes it ideal
IDEAL_RATIO = {
    "NEUTRAL": (0.6, 1.5),
    "DEEP_OVERSOLD": (0.8, 1.8),
    "OVERSOLD_BOUNCE": (1.2, 2.2),
    "LOW_VOLATILITY": (0.5, 1.3),
    "HIGH_VOLATILITY": (1.2, 2.5),
    "BREAKOUT": (1.5, 3.0),
    "TREND_CONTINUATION": (0.8, 1.8),
    "PUMP_START": (2.5, 5.0),
}


@register
class VolumeBuildup(FormulaIndicator):
    """``volume_spike_multiplier`` = volume / mean of the 4 bars before; ``volume_buildup_periods`` = steps up of 5.

    A step up is a volume at least 10 % over that of the bar before.
    """

    reads = ("volume",)
    writes = ("volume_spike_multiplier", "volume_buildup_periods")
    lookback = 5

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        before = frame.constant(0.0)
        for age in (4, 3, 2, 1):
            before = before + frame.prev("volume", age)
        steps = frame.constant(0.0)
        for age in range(5):
            older = frame.prev("volume", age + 1)
            steps = steps + 1.0 * ((frame.prev("volume", age) >= 1.1 * older) & (older > 0))
        known = frame.known(frame.prev("volume", 5))
        return frame.divide(frame["volume"] * 4.0, before), frame.where(known, steps, frame.constant(NAN))


@register
class VolumePattern(FormulaIndicator):
    """SPIKE over 2.5 times the 4 bars before, else BUILDUP at 3 steps up of 5, SUSTAINED_HIGH when the last 5 bars hold
    half more than their share of 20, DECLINING when they hold less than 70 % of it, else NORMAL.
    """

    reads = ("volume_spike_multiplier", "volume_buildup_periods", "volume_sum_5", "volume_sum_20")
    writes = ("volume_pattern",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        def code(label: str) -> float:
            return code_of("volume_pattern", label)

        share = frame.divide(frame["volume_sum_5"] * 4.0, frame["volume_sum_20"])
        pattern = frame.where(share < 0.7, code("DECLINING"), frame.constant(code("NORMAL")))
        pattern = frame.where(share > 1.5, code("SUSTAINED_HIGH"), pattern)
        pattern = frame.where(frame["volume_buildup_periods"] >= 3, code("BUILDUP"), pattern)
        pattern = frame.where(frame["volume_spike_multiplier"] > 2.5, code("SPIKE"), pattern)
        return (frame.where(frame.known(share), pattern, frame.constant(NAN)),)


@register
class VolumeContext(FormulaIndicator):
    """The situation the volume is judged in; the last that applies of this list wins.

    LOW_VOLATILITY and HIGH_VOLATILITY (range in its lowest or highest tenth), TREND_CONTINUATION (ADX over 25),
    DEEP_OVERSOLD (RSI under 30 and CCI under -150), OVERSOLD_BOUNCE (RSI back over 30), BREAKOUT (close outside the
    channel of the 20 bars before), PUMP_START (5 average ranges in 10 bars on triple volume).
    """

    reads = (
        "atr_percentile",
        "adx_14",
        "rsi_14",
        "cci_20",
        "close",
        "donchian_upper",
        "donchian_lower",
        "roc_10",
        "natr",
        "volume_ratio",
    )
    writes = ("volume_context",)

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        def code(label: str) -> float:
            return code_of("volume_context", label)

        rank, rsi = frame["atr_percentile"], frame["rsi_14"]
        outside = (frame["close"] > frame["donchian_upper"]) | (frame["close"] < frame["donchian_lower"])
        pump = (frame["roc_10"] > 5.0 * frame["natr"]) & (frame["volume_ratio"] >= 3.0)
        rules = (
            ("LOW_VOLATILITY", rank <= 10.0),
            ("HIGH_VOLATILITY", rank >= 90.0),
            ("TREND_CONTINUATION", frame["adx_14"] > 25.0),
            ("DEEP_OVERSOLD", (rsi < 30.0) & (frame["cci_20"] < -150.0)),
            ("OVERSOLD_BOUNCE", (rsi >= 30.0) & (frame.prev("rsi_14") < 30.0)),
            ("BREAKOUT", outside),
            ("PUMP_START", pump),
        )
        context = frame.constant(code("NEUTRAL"))
        for label, applies in rules:
            context = frame.where(applies, code(label), context)
        known = frame.known(rank, frame["volume_ratio"], frame["cci_20"])
        return (frame.where(known, context, frame.constant(NAN)),)


@register
class VolumeQuality(FormulaIndicator):
    """0..100: 70 by the volume ratio between what the context needs and what is ideal, 30 by the pattern."""

    reads = ("volume_context", "volume_pattern", "volume_ratio")
    writes = ("volume_quality_score",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        ratio = frame["volume_ratio"]
        fit = frame.constant(0.0)
        for label, (least, ideal) in IDEAL_RATIO.items():
            fit = frame.where(frame.label("volume_context", label), scale(frame, ratio, least / 2.0, ideal), fit)
        points = frame.constant(0.5)
        for label, worth in (("SPIKE", 0.9), ("BUILDUP", 1.0), ("SUSTAINED_HIGH", 0.8), ("DECLINING", 0.0)):
            points = frame.where(frame.label("volume_pattern", label), worth, points)
        known = frame.known(frame["volume_context"], frame["volume_pattern"], ratio)
        return (frame.where(known, 70.0 * fit + 30.0 * points, frame.constant(NAN)),)
