"""Momentum and rate of change."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class Momentum(TalibIndicator):
    """Momentum = close_t - close_(t-n) in price units; ROC = 100 (close_t / close_(t-n) - 1) in percent."""

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (
            Call("MOM", ("close",), ("momentum_10",), {"timeperiod": 10}),
            Call("ROC", ("close",), ("roc_7",), {"timeperiod": 7}),
            Call("ROC", ("close",), ("roc_10",), {"timeperiod": 10}),
            Call("ROC", ("close",), ("roc_20",), {"timeperiod": 20}),
        )
