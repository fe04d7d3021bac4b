"""TRIX."""

from __future__ import annotations

from core.features.indicators.base import Call, IndicatorParameters, TalibIndicator, register


@register
class Trix(TalibIndicator):
    """TRIX = one-bar rate of change, in percent, of a triple EMA of 15 (J. Hutson, 1983); ``trix_signal`` = EMA 9
    of it.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        return (
            Call("TRIX", ("close",), ("trix",), {"timeperiod": 15}),
            Call("EMA", ("trix",), ("trix_signal",), {"timeperiod": 9}),
        )
