"""Supertrend."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class Supertrend(TalibIndicator):
    """Midpoint -+ 3 ATR of 10 bars, carried in the direction of the trend (O. Seban); ``supertrend_direction`` is
    +1 or -1.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "SUPERTREND",
                (
                    "high",
                    "low",
                    "close",
                ),
                (
                    "supertrend",
                    "supertrend_direction",
                ),
                {"timeperiod": 10, "multiplier": 3.0},
            ),
        )
