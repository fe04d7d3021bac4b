"""The market regime: causal, with a direction, and slow to change its mind.

Two kinds of hysteresis. A trend begins at ADX 25 and ends under 20. A new regime holds from its third bar in a row.

In this order: BREAKOUT (a close beyond the 20-bar channel within 3 bars, range in its top fifth, with the
directional index), TRENDING (trend on, directional index and EMA 12/26 agree), VOLATILE (range in its top tenth),
RANGING (ADX under 20), TRANSITION. Limit: it names a breakout two bars after its first close outside.
"""

from __future__ import annotations

import numpy as np

from core.features.indicators.base import (
    Columns,
    FormulaIndicator,
    IndicatorParameters,
    Kernel,
    register,
)
from core.features.indicators.rolling import bars_since_change, last_known
from core.rules.frames import NAN, Column, Frame, Value, scale
from core.rules.labels import code_of

TREND_BEGINS = 25.0
TREND_ENDS = 20.0
BARS_TO_HOLD = 3


def _regime(label: str) -> float:
    return code_of("market_regime", label)


@register
class TrendLatch(Kernel):
    """1 from ADX 25 until it is under 20, else 0."""

    reads = ("adx_14",)
    writes = ("trend_latch",)

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._on = 0.0

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        adx = columns["adx_14"]
        switched = np.where(adx >= TREND_BEGINS, 1.0, np.where(adx < TREND_ENDS, 0.0, np.nan))
        latch = last_known(switched)
        latch = np.where(np.isnan(latch), 0.0, latch)
        self._on = float(latch[-1]) if length else 0.0
        return {"trend_latch": np.where(np.isnan(adx), np.nan, latch)}

    def update(self, adx: float) -> tuple[float]:
        if adx >= TREND_BEGINS:
            self._on = 1.0
        elif adx < TREND_ENDS:
            self._on = 0.0
        return (self._on if adx == adx else NAN,)


@register
class RegimeOfBar(FormulaIndicator):
    """What the regime would be by this bar alone."""

    reads = (
        "close",
        "donchian_upper",
        "donchian_lower",
        "atr_percentile",
        "plus_di",
        "minus_di",
        "ema_12",
        "ema_26",
        "trend_latch",
        "adx_14",
    )
    writes = ("regime_of_bar",)
    lookback = 2

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        rank = frame["atr_percentile"]
        bull = frame["plus_di"] > frame["minus_di"]
        bear = frame.no(bull)
        rising = frame["ema_12"] > frame["ema_26"]
        trend = frame["trend_latch"] == 1.0
        above, below = _outside(frame)
        active = rank >= 80.0
        code = frame.where(frame["adx_14"] < TREND_ENDS, _regime("RANGING"), frame.constant(_regime("TRANSITION")))
        code = frame.where(rank >= 90.0, _regime("VOLATILE"), code)
        code = frame.where(trend & bull & rising, _regime("TRENDING_BULL"), code)
        code = frame.where(trend & bear & frame.no(rising), _regime("TRENDING_BEAR"), code)
        code = frame.where(active & above & bull, _regime("BREAKOUT_BULL"), code)
        code = frame.where(active & below & bear, _regime("BREAKOUT_BEAR"), code)
        known = frame.known(rank, frame["adx_14"], frame["ema_26"], frame["donchian_upper"])
        return (frame.where(known, code, frame.constant(NAN)),)


def _outside(frame: Frame) -> tuple[Value, Value]:
    above = frame["close"] > frame["donchian_upper"]
    below = frame["close"] < frame["donchian_lower"]
    for age in (1, 2):
        above = above | (frame.prev("close", age) > frame.prev("donchian_upper", age))
        below = below | (frame.prev("close", age) < frame.prev("donchian_lower", age))
    return above, below


@register
class MarketRegime(Kernel):
    """The last regime that held for three bars in a row, and for how many bars it has been the regime."""

    reads = ("regime_of_bar",)
    writes = ("market_regime", "regime_duration")

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._candidate = NAN
        self._seen = 0
        self._regime = NAN
        self._duration = 0

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        raw = columns["regime_of_bar"]
        in_a_row = bars_since_change(raw) + 1.0
        regime = last_known(np.where(in_a_row >= BARS_TO_HOLD, raw, np.nan))
        duration = bars_since_change(regime)
        if length:
            self._candidate = float(raw[-1])
            self._seen = 0 if np.isnan(raw[-1]) else int(in_a_row[-1])
            self._regime = float(regime[-1])
            self._duration = 0 if np.isnan(regime[-1]) else int(duration[-1])
        return {"market_regime": regime, "regime_duration": duration}

    def update(self, raw: float) -> tuple[float, float]:
        if raw == self._candidate:
            self._seen += 1
        else:
            self._candidate, self._seen = raw, 1
        self._duration += 1
        if self._seen >= BARS_TO_HOLD and raw != self._regime:
            self._regime, self._duration = raw, 0
        return self._regime, float(self._duration) if self._regime == self._regime else NAN


@register
class RegimeQuality(FormulaIndicator):
    """``regime_strength``: how clear it is; ``regime_confidence``: 0..100, also by how long it has held.

    Clearness is .6 of ADX (15..45) and .4 of the EMA alignment, or, when ranging, how far ADX is under 25.
    """

    reads = ("market_regime", "regime_duration", "adx_14", "trend_alignment", "volume_ratio")
    writes = ("regime_strength", "regime_confidence")
    lookback = 0

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        adx = frame["adx_14"]
        alignment = frame.absolute(frame["trend_alignment"])
        moving = 0.6 * scale(frame, adx, 15.0, 45.0) + 0.4 * scale(frame, alignment, 0.0, 1.0)
        ranging = scale(frame, 25.0 - adx, 0.0, 15.0)
        clear = frame.where(frame.label("market_regime", "RANGING"), ranging, moving)
        code = frame.constant(code_of("regime_strength", "WEAK"))
        for bound, label in ((0.25, "MODERATE"), (0.5, "STRONG"), (0.75, "EXTREME")):
            code = frame.where(clear >= bound, code_of("regime_strength", label), code)
        held = scale(frame, frame["regime_duration"], 0.0, 20.0)
        confidence = 50.0 * clear + 30.0 * held + 20.0 * scale(frame, frame["volume_ratio"], 0.5, 1.5)
        known = frame.known(frame["market_regime"])
        unknown = frame.constant(NAN)
        return frame.where(known, code, unknown), frame.where(known, confidence, unknown)
