"""Hull moving average."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class HullMovingAverage(TalibIndicator):
    """HMA = WMA(2 WMA(close, n/2) - WMA(close, n), sqrt n) (A. Hull, 2005), n = 20."""

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (Call("HMA", ("close",), ("hull_20",), {"timeperiod": 20}),)
