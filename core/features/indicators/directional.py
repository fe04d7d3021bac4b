"""Directional movement."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class DirectionalMovement(TalibIndicator):
    """ADX, +DI, -DI, DX and ADXR of 14 bars (J. W. Wilder, 1978)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (
            Call(
                "ADX",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("adx_14",),
                {"timeperiod": 14},
            ),
            Call(
                "PLUS_DI",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("plus_di",),
                {"timeperiod": 14},
            ),
            Call(
                "MINUS_DI",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("minus_di",),
                {"timeperiod": 14},
            ),
            Call(
                "DX",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("dx",),
                {"timeperiod": 14},
            ),
            Call(
                "ADXR",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("adxr",),
                {"timeperiod": 14},
            ),
        )
