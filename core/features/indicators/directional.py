"""Directional movement."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class DirectionalMovement(TalibIndicator):
    """ADX, +DI, -DI, DX and ADXR of 14 bars (J. W. Wilder, 1978)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "ADX",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("adx_14",),
                {"timeperiod": 14},
            ),
            TalibCall(
                "PLUS_DI",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("plus_di",),
                {"timeperiod": 14},
            ),
            TalibCall(
                "MINUS_DI",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("minus_di",),
                {"timeperiod": 14},
            ),
            TalibCall(
                "DX",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("dx",),
                {"timeperiod": 14},
            ),
            TalibCall(
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
