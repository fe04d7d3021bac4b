"""Stochastic oscillator."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class Stochastic(TalibIndicator):
    """%K = 100 (close - lowest low) / (highest high - lowest low) over 14 bars (G. Lane), smoothed over 3 (slow)
    or not (fast). Unknown while the price does not move.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "STOCH",
                (
                    "high",
                    "low",
                    "close",
                ),
                (
                    "stoch_k",
                    "stoch_d",
                ),
                {
                    "fastk_period": 14,
                    "slowk_period": 3,
                    "slowk_matype": 0,
                    "slowd_period": 3,
                    "slowd_matype": 0,
                },
                still=14,
            ),
            TalibCall(
                "STOCHF",
                (
                    "high",
                    "low",
                    "close",
                ),
                (
                    "stoch_fast_k",
                    "stoch_fast_d",
                ),
                {"fastk_period": 14, "fastd_period": 3, "fastd_matype": 0},
                still=14,
            ),
        )
