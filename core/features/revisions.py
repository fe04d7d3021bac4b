"""Features computed again after a candle was corrected."""

from __future__ import annotations

from collections.abc import Sequence

from core.features.engine import FeatureRow, IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.market.series import unbroken
from shared.src.domain.candles import Candle

# what strategies look back on, with some to spare; older frames interest nobody
REVISED_FRAMES = 16


def recompute(
    candles: Sequence[Candle], *, since_ms: int, parameters: IndicatorParameters
) -> tuple[IndicatorEngine | None, list[tuple[Candle, FeatureRow]]]:
    """The features of the candles that open at ``since_ms`` or later, the earlier ones being their history.

    As live, a gap starts a new history. Returns the engine after the last candle, and the rows; None without any.
    """
    engine = None
    rows: list[tuple[Candle, FeatureRow]] = []
    for run in unbroken(candles):
        known = max(1, sum(candle.time < since_ms for candle in run))
        engine = IndicatorEngine(run[0].symbol, run[0].timeframe.value, parameters)
        engine.warm_up(run[:known])
        if run[known - 1].time >= since_ms:
            first = engine.last_row()
            assert first is not None
            rows.append((run[known - 1], first))
        rows += [(candle, engine.update(candle)) for candle in run[known:]]
    return engine, rows
