"""Triple exponential moving average."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class TripleExponentialMovingAverage(TalibIndicator):
    """TEMA = 3 EMA - 3 EMA(EMA) + EMA(EMA(EMA)) (P. Mulloy, 1994), n = 12."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("TEMA", ("close",), ("tema_12",), {"timeperiod": 12}),)
