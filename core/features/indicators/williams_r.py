"""Williams %R."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class WilliamsR(TalibIndicator):
    """%R = -100 (highest high - close) / (highest high - lowest low) over 14 bars (L. Williams, 1973).

    Unknown while the price does not move.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "WILLR",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("williams_r",),
                {"timeperiod": 14},
                still=14,
            ),
        )
