"""Weighted moving average."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class WeightedMovingAverage(TalibIndicator):
    """WMA 20: weights 1..n, the newest close weighs most."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("WMA", ("close",), ("wma_20",), {"timeperiod": 20}),)
