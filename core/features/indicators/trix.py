"""TRIX."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class Trix(TalibIndicator):
    """TRIX = one-bar rate of change, in percent, of a triple EMA of 15 (J. Hutson, 1983); ``trix_signal`` = EMA 9
    of it.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("TRIX", ("close",), ("trix",), {"timeperiod": 15}),
            TalibCall("EMA", ("trix",), ("trix_signal",), {"timeperiod": 9}),
        )
