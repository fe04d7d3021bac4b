"""On balance volume and accumulation/distribution."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator, register


@register
class OnBalanceVolume(TalibIndicator):
    """OBV adds the volume of a rising bar and takes off that of a falling one (J. Granville, 1963); A/D weighs it
    by the place of the close in the bar (M. Chaikin). Both count from the first bar of the history: use
    differences, never levels.
    """

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall(
                "OBV",
                (
                    "close",
                    "volume",
                ),
                ("obv",),
            ),
            TalibCall("SMA", ("obv",), ("obv_ma_10",), {"timeperiod": 10}),
            TalibCall(
                "AD",
                (
                    "high",
                    "low",
                    "close",
                    "volume",
                ),
                ("ad_line",),
            ),
        )
