"""Simple moving averages."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class SimpleMovingAverage(TalibIndicator):
    """SMA_t = mean of the last n closes; ``sma_short`` and ``sma_long`` have the user's SHORT_WINDOW and
    LONG_WINDOW.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("SMA", ("close",), ("sma_20",), {"timeperiod": 20}),
            TalibCall("SMA", ("close",), ("sma_50",), {"timeperiod": 50}),
            TalibCall("SMA", ("close",), ("sma_short",), {"timeperiod": parameters.short_window}),
            TalibCall("SMA", ("close",), ("sma_long",), {"timeperiod": parameters.long_window}),
        )
