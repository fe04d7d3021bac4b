"""Kaufman's adaptive moving average."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class KaufmanAdaptiveMovingAverage(TalibIndicator):
    """KAMA: the smoothing constant follows the efficiency ratio (P. Kaufman, 1995), n = 14."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("KAMA", ("close",), ("kama_14",), {"timeperiod": 14}),)
