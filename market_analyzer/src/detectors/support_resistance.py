"""Support and resistance from swing points of earlier bars.

A swing high is a high above the three before and the three after it (B. Williams' fractal with 3 bars), known three
bars later; a swing low likewise. The levels of a bar are the last ten of each kind known *before* it, whichever kind: a
broken resistance may support. Nearest are those on each side of the *previous* close, so that this bar can break them.
Limit: only prices where the market turned lately are levels; round numbers and older history are not looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from market_analyzer.src.indicators.base import (
    Call,
    Columns,
    FormulaIndicator,
    Indicator,
    IndicatorParameters,
    MutableRow,
    TalibIndicator,
    register,
)
from shared.src.indicators.frames import NAN, Column, Frame, Value, shift
from shared.src.indicators.labels import code_of

SWING_BARS = 3
LEVELS_KEPT = 10
# levels this near, in average ranges, are one
TOLERANCE_ATR = 0.25
TOUCHES = ((2.0, "MODERATE"), (3.0, "STRONG"), (5.0, "MAJOR"))


@register
class SwingPoints(TalibIndicator):
    """Non-zero on the bar that confirms a swing high or low three bars earlier."""

    def calls(self, parameters: IndicatorParameters) -> tuple[Call, ...]:
        bars = {"leftbars": SWING_BARS, "rightbars": SWING_BARS}
        return (Call("FRACTAL", ("high", "low"), ("swing_high", "swing_low"), bars),)


@register
class SupportResistance(Indicator):
    """Nearest support under and resistance over the previous close, with how many swings turned there."""

    reads = ("high", "low", "close", "atr_14", "swing_high", "swing_low")
    writes = ("nearest_support", "nearest_resistance", "support_touches", "resistance_touches", "pivot_count")
    lookback = SWING_BARS

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._highs: deque[float] = deque(maxlen=LEVELS_KEPT)
        self._lows: deque[float] = deque(maxlen=LEVELS_KEPT)
        # the levels of the bar computed last, for ``lists``
        self._levels: list[float] = []
        self._reference = NAN

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        reference = shift(columns["close"], 1)
        highs, high_prices = _known_before(columns["swing_high"], columns["high"])
        lows, low_prices = _known_before(columns["swing_low"], columns["low"])
        levels = [_nth(counts, prices, age) for counts, prices in ((highs, high_prices), (lows, low_prices))
                  for age in range(LEVELS_KEPT)]  # fmt: skip
        support, resistance = np.full(length, np.nan), np.full(length, np.nan)
        for level in levels:
            support = np.fmax(support, np.where(level < reference, level, np.nan))
            resistance = np.fmin(resistance, np.where(level > reference, level, np.nan))
        near = TOLERANCE_ATR * shift(columns["atr_14"], 1)
        self._keep(columns, levels, reference, high_prices, low_prices)
        return {
            "nearest_support": support,
            "nearest_resistance": resistance,
            "support_touches": _touches(levels, support, near),
            "resistance_touches": _touches(levels, resistance, near),
            "pivot_count": np.minimum(highs, LEVELS_KEPT) + np.minimum(lows, LEVELS_KEPT),
        }

    def _keep(
        self, columns: Columns, levels: list[Column], reference: Column, high_prices: Column, low_prices: Column
    ) -> None:
        self._highs = deque(high_prices[-LEVELS_KEPT:].tolist(), maxlen=LEVELS_KEPT)
        self._lows = deque(low_prices[-LEVELS_KEPT:].tolist(), maxlen=LEVELS_KEPT)
        last = [float(level[-1]) for level in levels] if len(reference) else []
        self._levels = [level for level in last if level == level]
        self._reference = float(reference[-1]) if len(reference) else NAN

    def update(self, rows: Sequence[MutableRow]) -> None:
        row = rows[-1]
        before = rows[-2] if len(rows) > 1 else {}
        reference, near = before.get("close", NAN), TOLERANCE_ATR * before.get("atr_14", NAN)
        levels = [*self._highs, *self._lows]
        support = max((level for level in levels if level < reference), default=NAN)
        resistance = min((level for level in levels if level > reference), default=NAN)
        row["nearest_support"] = support
        row["nearest_resistance"] = resistance
        row["support_touches"] = _count(levels, support, near)
        row["resistance_touches"] = _count(levels, resistance, near)
        row["pivot_count"] = float(len(levels))
        self._levels, self._reference = levels, reference
        # a swing confirmed by this bar is a level from the next bar on
        if row["swing_high"] > 0:
            self._highs.append(rows[-1 - SWING_BARS]["high"])
        if row["swing_low"] < 0 or row["swing_low"] > 0:
            self._lows.append(rows[-1 - SWING_BARS]["low"])

    def lists(self) -> dict[str, list[float]]:
        below = sorted({level for level in self._levels if level < self._reference}, reverse=True)
        above = sorted({level for level in self._levels if level > self._reference})
        return {"support_levels": below[:5], "resistance_levels": above[:5]}


def _known_before(flags: Column, prices: Column) -> tuple[Column, Column]:
    """For each bar how many swings were known before it, and the price of each swing."""
    found = np.flatnonzero(np.nan_to_num(flags) != 0)
    counts = np.zeros(len(flags))
    if len(flags):
        marks = np.zeros(len(flags))
        marks[found] = 1.0
        counts[1:] = np.cumsum(marks)[:-1]
    return counts, prices[found - SWING_BARS]


def _nth(counts: Column, prices: Column, age: int) -> Column:
    if not len(prices):
        return np.full(len(counts), np.nan)
    index = counts.astype(np.int64) - 1 - age
    return np.where(index >= 0, prices[np.maximum(index, 0)], np.nan)


def _touches(levels: list[Column], nearest: Column, near: Column) -> Column:
    total = np.zeros(len(nearest))
    for level in levels:
        total += np.abs(level - nearest) <= near
    return np.where(np.isnan(nearest) | np.isnan(near), np.nan, total)


def _count(levels: list[float], nearest: float, near: float) -> float:
    if nearest != nearest or near != near:
        return NAN
    return float(sum(abs(level - nearest) <= near for level in levels))


@register
class LevelStrength(FormulaIndicator):
    """By touches: 1 WEAK, 2 MODERATE, 3 STRONG, 5 MAJOR.

    ``break_probability`` is a pressure, not a statistic: a tenth for each of the last 7 closes within half an average
    range of the nearer level.
    """

    reads = ("close", "atr_14", "nearest_support", "nearest_resistance", "support_touches", "resistance_touches")
    writes = ("support_strength", "resistance_strength", "break_probability")
    lookback = 6

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        support, resistance = frame["nearest_support"], frame["nearest_resistance"]
        close, atr = frame["close"], frame["atr_14"]
        to_support, to_resistance = frame.absolute(close - support), frame.absolute(close - resistance)
        support_is_nearer = (to_support <= to_resistance) | frame.no(frame.known(to_resistance))
        nearer = frame.where(support_is_nearer, support, resistance)
        pressure = frame.constant(0.0)
        for age in range(7):
            pressure = pressure + 0.1 * (frame.absolute(frame.prev("close", age) - nearer) <= 0.5 * atr)
        known = frame.known(nearer, atr)
        return (
            _label(frame, "support_strength", frame["support_touches"]),
            _label(frame, "resistance_strength", frame["resistance_touches"]),
            frame.where(known, pressure, frame.constant(NAN)),
        )


def _label(frame: Frame, feature: str, touches: Value) -> Value:
    code = frame.constant(code_of(feature, "WEAK"))
    for bound, label in TOUCHES:
        code = frame.where(touches >= bound, code_of(feature, label), code)
    return frame.where(frame.known(touches), code, frame.constant(NAN))
