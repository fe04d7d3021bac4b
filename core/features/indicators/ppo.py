"""Percentage price oscillator."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class PercentagePriceOscillator(TalibIndicator):
    """PPO = 100 (EMA 12 - EMA 26) / EMA 26, ``ppo_signal`` = EMA 9 of it: the MACD in percent, alike on every price."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("PPO", ("close",), ("ppo",), {"fastperiod": 12, "slowperiod": 26, "matype": 1}),
            TalibCall("EMA", ("ppo",), ("ppo_signal",), {"timeperiod": 9}),
        )
