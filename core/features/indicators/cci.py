"""Commodity channel index."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class CommodityChannelIndex(TalibIndicator):
    """CCI = (TP - SMA(TP, 20)) / (0.015 mean deviation), TP = (H + L + C) / 3 (D. Lambert, 1980)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "CCI",
                (
                    "high",
                    "low",
                    "close",
                ),
                ("cci_20",),
                {"timeperiod": 20},
            ),
        )
