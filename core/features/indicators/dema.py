"""Double exponential moving average."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class DoubleExponentialMovingAverage(TalibIndicator):
    """DEMA = 2 EMA - EMA(EMA) (P. Mulloy, 1994), n = 12."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("DEMA", ("close",), ("dema_12",), {"timeperiod": 12}),)
