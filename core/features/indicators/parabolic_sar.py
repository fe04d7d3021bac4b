"""Parabolic SAR."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class ParabolicSar(TalibIndicator):
    """Stop and reverse with acceleration .02 up to .20 (J. W. Wilder, 1978)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "SAR",
                (
                    "high",
                    "low",
                ),
                ("psar",),
                {"acceleration": 0.02, "maximum": 0.2},
            ),
        )
