"""Linear regression."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class LinearRegression(TalibIndicator):
    """Slope of the least-squares line through the last 14 closes, in price per bar."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (TalibCall("LINEARREG_SLOPE", ("close",), ("regression_slope",), {"timeperiod": 14}),)
