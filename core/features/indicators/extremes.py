"""Highest high and lowest low."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class Extremes(TalibIndicator):
    """Of the last 20 bars and of the last 5, this one included; channels of *earlier* bars take the value of the
    bar before.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("MAX", ("high",), ("highest_20",), {"timeperiod": 20}),
            TalibCall("MIN", ("low",), ("lowest_20",), {"timeperiod": 20}),
            TalibCall("MAX", ("high",), ("highest_5",), {"timeperiod": 5}),
            TalibCall("MIN", ("low",), ("lowest_5",), {"timeperiod": 5}),
        )
