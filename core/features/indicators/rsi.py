"""Relative strength index."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class RelativeStrengthIndex(TalibIndicator):
    """RSI = 100 - 100 / (1 + RS), RS = Wilder average of gains / of losses (J. W. Wilder, 1978).

    ``rsi_user`` has the user's RSI_WINDOW. A price that never moved has RSI 0 in TA-Lib.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("RSI", ("close",), ("rsi_14",), {"timeperiod": 14}),
            TalibCall("RSI", ("close",), ("rsi_21",), {"timeperiod": 21}),
            TalibCall("RSI", ("close",), ("rsi_user",), {"timeperiod": parameters.rsi_window}),
        )
