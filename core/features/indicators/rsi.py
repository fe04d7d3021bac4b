"""Relative strength index."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class RelativeStrengthIndex(TalibIndicator):
    """RSI = 100 - 100 / (1 + RS), RS = Wilder average of gains / of losses (J. W. Wilder, 1978).

    ``rsi_user`` has the user's RSI_WINDOW. Unknown while the price does not move.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("RSI", ("close",), ("rsi_14",), {"timeperiod": 14}, still=15),
            TalibCall("RSI", ("close",), ("rsi_21",), {"timeperiod": 21}, still=22),
            TalibCall(
                "RSI",
                ("close",),
                ("rsi_user",),
                {"timeperiod": parameters.rsi_window},
                still=parameters.rsi_window + 1,
            ),
        )
