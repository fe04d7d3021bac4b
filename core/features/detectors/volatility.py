"""How large the moves are, against the symbol's own past."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import Frame, Value
from core.rules.labels import code_of


@register
class VolatilityRegime(FormulaIndicator):
    """By the rank of NATR among 100 bars: up to 25 low, 75 normal, 90 high, above extreme.

    Limit: a rank knows only the last 100 bars; a whole quiet month reads as normal.
    """

    reads = ("atr_percentile",)
    writes = ("volatility_regime",)
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        rank = frame["atr_percentile"]
        code = frame.constant(code_of("volatility_regime", "low"))
        for bound, label in ((25.0, "normal"), (75.0, "high"), (90.0, "extreme")):
            code = frame.where(rank > bound, code_of("volatility_regime", label), code)
        return (frame.where(frame.known(rank), code, frame.constant(float("nan"))),)
