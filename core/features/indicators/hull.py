"""Hull moving average."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class HullMovingAverage(TalibIndicator):
    """HMA = WMA(2 WMA(close, n/2) - WMA(close, n), sqrt n) (A. Hull, 2005), n = 20."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("HMA", ("close",), ("hull_20",), {"timeperiod": 20}),)
