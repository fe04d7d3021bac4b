"""Momentum and rate of change."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class Momentum(TalibIndicator):
    """Momentum = close_t - close_(t-n) in price units; ROC = 100 (close_t / close_(t-n) - 1) in percent."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("MOM", ("close",), ("momentum_10",), {"timeperiod": 10}),
            TalibCall("ROC", ("close",), ("roc_7",), {"timeperiod": 7}),
            TalibCall("ROC", ("close",), ("roc_10",), {"timeperiod": 10}),
            TalibCall("ROC", ("close",), ("roc_20",), {"timeperiod": 20}),
        )
