"""Average true range and its rank."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class AverageTrueRange(TalibIndicator):
    """ATR 14: Wilder average of the true range; NATR = 100 ATR / close.

    ``atr_percentile``: share of the previous 100 bars whose NATR was lower, 0..100; of NATR, so that a price trend does
    not look like volatility.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "ATR",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("atr_14",),
                {"timeperiod": 14},
            ),
            TalibCall(
                "NATR",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("natr",),
                {"timeperiod": 14},
            ),
            TalibCall(
                "TRANGE",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("true_range",),
            ),
            TalibCall("PERCENTRANK", ("natr",), ("atr_percentile",), {"timeperiod": 100}),
        )
