"""Double exponential moving average."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class DoubleExponentialMovingAverage(TalibIndicator):
    """DEMA = 2 EMA - EMA(EMA) (P. Mulloy, 1994), n = 12."""

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (Call("DEMA", ("close",), ("dema_12",), {"timeperiod": 12}),)
