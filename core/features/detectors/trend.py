"""Direction and strength of the trend."""

from __future__ import annotations

import math

from core.features.indicators.base import FormulaIndicator, IndicatorParameters, TalibCall, TalibIndicator, register
from core.rules.frames import Frame, Value
from core.rules.labels import code_of

ADX_BOUNDS = ((20.0, "weak"), (25.0, "strong"), (50.0, "very_strong"), (75.0, "extreme"))
DEGREES = 180.0 / math.pi


@register
class TrendLabels(FormulaIndicator):
    """``trend_strength`` by ADX: under 20 absent, 25 weak, 50 strong, 75 very strong, above extreme.

    ``directional_bias``: the side of the larger directional index, NEUTRAL while ADX is under 20.
    """

    reads = ("adx_14", "plus_di", "minus_di")
    writes = ("trend_strength", "directional_bias")
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        adx = frame["adx_14"]
        unknown = frame.constant(float("nan"))
        strength = frame.constant(code_of("trend_strength", "absent"))
        for bound, label in ADX_BOUNDS:
            strength = frame.where(adx >= bound, code_of("trend_strength", label), strength)
        bull = frame["plus_di"] > frame["minus_di"]
        side = frame.where(bull, code_of("directional_bias", "BULLISH"), code_of("directional_bias", "BEARISH"))
        bias = frame.where(adx < 20.0, code_of("directional_bias", "NEUTRAL"), side)
        known = frame.known(adx)
        return frame.where(known, strength, unknown), frame.where(known, bias, unknown)


@register
class TrendAlignment(FormulaIndicator):
    """Mean of six signs, -1 (all bearish) to 1 (all bullish).

    They are EMA 7 > 12, 12 > 26, 26 > 50, 50 > 99, close > EMA 26, and EMA 26 above where it was a bar ago.
    """

    reads = ("close", "ema_7", "ema_12", "ema_26", "ema_50", "ema_99")
    writes = ("trend_alignment",)

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        ema_26 = frame["ema_26"]
        pairs = (
            (frame["ema_7"], frame["ema_12"]),
            (frame["ema_12"], ema_26),
            (ema_26, frame["ema_50"]),
            (frame["ema_50"], frame["ema_99"]),
            (frame["close"], ema_26),
            (ema_26, frame.prev("ema_26")),
        )
        total = frame.constant(0.0)
        for left, right in pairs:
            total = total + 1.0 * (left > right) - 1.0 * (left < right)
        known = frame.known(frame["ema_99"], frame.prev("ema_26"))
        return (frame.where(known, total / len(pairs), frame.constant(float("nan"))),)


@register
class RegressionGradient(FormulaIndicator):
    """Move of the regression line over its 14 bars, as a share of the price."""

    reads = ("regression_slope", "close")
    writes = ("regression_gradient",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        return (14.0 * frame["regression_slope"] / frame["close"],)


@register
class RegressionArc(TalibIndicator):
    """Arc tangent of the gradient, in radians (by TA-Lib, so that bars and columns round alike)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("ATAN", ("regression_gradient",), ("regression_arc",)),)


@register
class TrendAngle(FormulaIndicator):
    """Angle of the regression of 14 closes in degrees, 45 when the price doubles within them."""

    reads = ("regression_arc",)
    writes = ("trend_angle",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        return (frame["regression_arc"] * DEGREES,)
