"""Bollinger bands."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class BollingerBands(TalibIndicator):
    """SMA 20 +- 2 population standard deviations (J. Bollinger); ``bb_user_*`` have the user's BB_WINDOW and BB_STD."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "BBANDS",
                ("close",),
                (
                    "bb_upper",
                    "bb_middle",
                    "bb_lower",
                ),
                {"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0},
            ),
            TalibCall(
                "BBANDS",
                ("close",),
                (
                    "bb_user_upper",
                    "bb_user_middle",
                    "bb_user_lower",
                ),
                {
                    "timeperiod": parameters.bb_window,
                    "nbdevup": parameters.bb_std,
                    "nbdevdn": parameters.bb_std,
                },
            ),
            TalibCall("STDDEV", ("close",), ("stddev_20",), {"timeperiod": 20, "nbdev": 1.0}),
        )
