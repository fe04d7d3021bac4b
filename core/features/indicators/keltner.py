"""Keltner channel."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class KeltnerChannel(TalibIndicator):
    """EMA 20 of the typical price +- 2 ATR of 10 bars (C. Keltner, in L. Raschke's form)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "KC",
                (
                    "high",
                    "low",
                    "close",
                ),
                (
                    "keltner_upper",
                    None,
                    "keltner_lower",
                ),
                {"timeperiod": 20, "atrperiod": 10, "nbdev": 2.0},
            ),
        )
