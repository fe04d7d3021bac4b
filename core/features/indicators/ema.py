"""Exponential moving averages."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class ExponentialMovingAverage(TalibIndicator):
    """EMA_t = EMA_(t-1) + 2/(n+1) * (close_t - EMA_(t-1)), seeded with the mean of the first n closes (TA-Lib).

    ``ema_21`` belongs to the EMA 21/50 daily trend.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("EMA", ("close",), ("ema_7",), {"timeperiod": 7}),
            TalibCall("EMA", ("close",), ("ema_12",), {"timeperiod": 12}),
            TalibCall("EMA", ("close",), ("ema_21",), {"timeperiod": 21}),
            TalibCall("EMA", ("close",), ("ema_26",), {"timeperiod": 26}),
            TalibCall("EMA", ("close",), ("ema_50",), {"timeperiod": 50}),
            TalibCall("EMA", ("close",), ("ema_99",), {"timeperiod": 99}),
        )
