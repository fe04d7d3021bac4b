"""Moving average convergence/divergence."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class Macd(TalibIndicator):
    """MACD = EMA 12 - EMA 26, signal = EMA 9 of it, histogram = their difference (G. Appel)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "MACD",
                ("close",),
                (
                    "macd_line",
                    "macd_signal",
                    "macd_histogram",
                ),
                {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9},
            ),
        )
