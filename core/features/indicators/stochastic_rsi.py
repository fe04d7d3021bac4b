"""Stochastic RSI."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class StochasticRsi(TalibIndicator):
    """StochRSI: place of RSI 14 in its own range of 14 bars, 0..100 (T. Chande and S. Kroll, 1994);
    ``stoch_rsi_d`` is its mean of 3.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "STOCHRSI",
                ("close",),
                (
                    "stoch_rsi",
                    "stoch_rsi_d",
                ),
                {"timeperiod": 14, "fastk_period": 14, "fastd_period": 3},
                still=15,
            ),
        )
