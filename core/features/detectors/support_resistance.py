"""Support and resistance from swing points of earlier bars.

A swing high is a high above the three before and the three after it (B. Williams' fractal with 3 bars), known three
bars later; a swing low likewise. The levels of a bar are the last ten of each kind known *before* it, whichever kind: a
broken resistance may support. Nearest are those on each side of the *previous* close, so that this bar can break them.
Limit: only prices where the market turned lately are levels; round numbers and older history are not looked at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque

import numpy as np

from core.features.indicators.base import (
    Columns,
    FormulaIndicator,
    IndicatorParameters,
    Kernel,
    TalibCall,
    TalibIndicator,
    register,
)
from core.rules.frames import NAN, Column, Frame, Value, shift
from core.rules.labels import code_of

SWING_BARS = 3
LEVELS_KEPT = 10
# levels this near, in average ranges, are one
TOLERANCE_ATR = 0.25
TOUCHES = ((2.0, "MODERATE"), (3.0, "STRONG"), (5.0, "MAJOR"))


@register
class SwingPoints(TalibIndicator):
    """Non-zero on the bar that confirms a swing high or low three bars earlier."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        bars = {"leftbars": SWING_BARS, "rightbars": SWING_BARS}
        return (TalibCall("FRACTAL", ("high", "low"), ("swing_high", "swing_low"), bars),)


@register
class SupportResistance(Kernel):
    """Nearest support under and resistance over the previous close, with how many swings turned there."""

    reads = ("high", "low", "close", "atr_14", "swing_high", "swing_low")
    writes = ("nearest_support", "nearest_resistance", "support_touches", "resistance_touches", "pivot_count")

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._highs: deque[float] = deque(maxlen=LEVELS_KEPT)
        self._lows: deque[float] = deque(maxlen=LEVELS_KEPT)
        # all of them in order, and each once, for the bar to come
        self._levels: list[float] = []
        self._distinct: list[float] = []
        # high and low of the last bars, and close and range of the one before
        self._bars: deque[tuple[float, float]] = deque(maxlen=SWING_BARS + 1)
        self._before = (NAN, NAN)
        # what the last bar saw, for ``lists``: each level once, and the close before
        self._seen: tuple[list[float], float] = ([], NAN)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        reference = shift(columns["close"], 1)
        highs, high_prices = _known_before(columns["swing_high"], columns["high"])
        lows, low_prices = _known_before(columns["swing_low"], columns["low"])
        levels = [
            _nth(counts, prices, age)
            for counts, prices in ((highs, high_prices), (lows, low_prices))
            for age in range(LEVELS_KEPT)
        ]
        support, resistance = np.full(length, np.nan), np.full(length, np.nan)
        for level in levels:
            support = np.fmax(support, np.where(level < reference, level, np.nan))
            resistance = np.fmin(resistance, np.where(level > reference, level, np.nan))
        near = TOLERANCE_ATR * shift(columns["atr_14"], 1)
        if length:
            self._seen = (
                sorted({float(level[-1]) for level in levels if level[-1] == level[-1]}),
                float(reference[-1]),
            )
            self._keep(columns, high_prices, low_prices)
        return {
            "nearest_support": support,
            "nearest_resistance": resistance,
            "support_touches": _touches(levels, support, near),
            "resistance_touches": _touches(levels, resistance, near),
            "pivot_count": np.minimum(highs, LEVELS_KEPT) + np.minimum(lows, LEVELS_KEPT),
        }

    def _keep(self, columns: Columns, high_prices: Column, low_prices: Column) -> None:
        self._highs = deque(high_prices[-LEVELS_KEPT:].tolist(), maxlen=LEVELS_KEPT)
        self._lows = deque(low_prices[-LEVELS_KEPT:].tolist(), maxlen=LEVELS_KEPT)
        self._sort()
        recent = slice(-SWING_BARS - 1, None)
        self._bars.clear()
        self._bars.extend(zip(columns["high"][recent].tolist(), columns["low"][recent].tolist(), strict=True))
        self._before = (float(columns["close"][-1]), float(columns["atr_14"][-1]))

    def update(
        self, high: float, low: float, close: float, atr: float, swing_high: float, swing_low: float
    ) -> tuple[float, float, float, float, float]:
        levels, (reference, range_before) = self._levels, self._before
        near = TOLERANCE_ATR * range_before
        support = resistance = support_touches = resistance_touches = NAN
        if reference == reference:
            below, above = bisect_left(levels, reference) - 1, bisect_right(levels, reference)
            if below >= 0:
                support, support_touches = levels[below], _count(levels, below, near)
            if above < len(levels):
                resistance, resistance_touches = levels[above], _count(levels, above, near)
        self._seen, self._before = (self._distinct, reference), (close, atr)
        bars = self._bars
        bars.append((high, low))
        pivots = float(len(levels))
        # a swing confirmed by this bar is a level from the next bar on; an unknown one is no swing
        found_high, found_low = abs(swing_high) > 0, abs(swing_low) > 0
        if found_high:
            self._highs.append(bars[0][0])
        if found_low:
            self._lows.append(bars[0][1])
        if found_high or found_low:
            self._sort()
        return support, resistance, support_touches, resistance_touches, pivots

    def _sort(self) -> None:
        self._levels = sorted([*self._highs, *self._lows])
        self._distinct = sorted(set(self._levels))

    def lists(self) -> dict[str, list[float]]:
        distinct, reference = self._seen
        return {
            "support_levels": distinct[: bisect_left(distinct, reference)][:-6:-1],
            "resistance_levels": distinct[bisect_right(distinct, reference) :][:5],
        }


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


def _count(levels: list[float], nearest: int, near: float) -> float:
    """How many levels are as near to the nearest one; they are in order, so it has them around it."""
    if near != near:
        return NAN
    level, first, last = levels[nearest], nearest, nearest
    while first > 0 and level - levels[first - 1] <= near:
        first -= 1
    while last + 1 < len(levels) and levels[last + 1] - level <= near:
        last += 1
    return float(last - first + 1)


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
