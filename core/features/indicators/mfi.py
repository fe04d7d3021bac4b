"""Money flow index."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class MoneyFlowIndex(TalibIndicator):
    """MFI 14: RSI of typical price weighted by volume (G. Quong and A. Soudack, 1989)."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "MFI",
                (
                    "high",
                    "low",
                    "close",
                    "volume",
                ),
                ("mfi_14",),
                {"timeperiod": 14},
                still=15,
            ),
        )
