"""Exponential moving averages."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class ExponentialMovingAverage(TalibIndicator):
    """EMA_t = EMA_(t-1) + 2/(n+1) * (close_t - EMA_(t-1)), seeded with the mean of the first n closes (TA-Lib).

    ``ema_21`` belongs to the EMA 21/50 daily trend.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (
            Call("EMA", ("close",), ("ema_7",), {"timeperiod": 7}),
            Call("EMA", ("close",), ("ema_12",), {"timeperiod": 12}),
            Call("EMA", ("close",), ("ema_21",), {"timeperiod": 21}),
            Call("EMA", ("close",), ("ema_26",), {"timeperiod": 26}),
            Call("EMA", ("close",), ("ema_50",), {"timeperiod": 50}),
            Call("EMA", ("close",), ("ema_99",), {"timeperiod": 99}),
        )
