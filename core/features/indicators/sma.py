"""Simple moving averages."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class SimpleMovingAverage(TalibIndicator):
    """SMA_t = mean of the last n closes; ``sma_short`` and ``sma_long`` have the user's SHORT_WINDOW and
    LONG_WINDOW.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (
            Call("SMA", ("close",), ("sma_20",), {"timeperiod": 20}),
            Call("SMA", ("close",), ("sma_50",), {"timeperiod": 50}),
            Call("SMA", ("close",), ("sma_short",), {"timeperiod": parameters.short_window}),
            Call("SMA", ("close",), ("sma_long",), {"timeperiod": parameters.long_window}),
        )
