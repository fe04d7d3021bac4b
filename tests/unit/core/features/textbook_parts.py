"""What the textbook formulas are made of: windows, ranks, swings, and the detectors that need a loop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.rules.frames import Column
from core.rules.labels import code_of

Known = dict[str, Column]


def before(column: Column, bars: int = 1) -> Column:
    return np.concatenate((np.full(min(bars, len(column)), np.nan), column[: max(0, len(column) - bars)]))


def windows(column: Column, bars: int) -> Any:
    """The last ``bars`` values of each bar, oldest first."""
    return sliding_window_view(np.concatenate((np.full(bars - 1, np.nan), column)), bars)


def ratio(numerator: Column, denominator: Column) -> Column:
    with np.errstate(all="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


def either(condition: Any, *needed: Column) -> Column:
    """1 or 0, unknown while something needed is."""
    return np.where(np.isnan(sum(needed)), np.nan, np.asarray(condition, dtype=np.float64))


def ramp(column: Column, low: float, high: float) -> Column:
    return np.interp(np.nan_to_num(column, nan=low), (low, high), (0.0, 1.0))


def labelled(feature: str, default: str, rules: Sequence[tuple[str, Any]], *needed: Column) -> Column:
    """The last rule that applies names the bar."""
    codes = np.full(len(needed[0]), code_of(feature, default))
    for text, applies in rules:
        codes[np.asarray(applies, dtype=bool)] = code_of(feature, text)
    codes[np.isnan(sum(needed))] = np.nan
    return codes


def rank_of(column: Column, bars: int = 100) -> Column:
    """Share of the previous bars with a lower value, in percent."""
    past = windows(before(column), bars)
    share = 100.0 * (past < column[:, None]).sum(axis=1) / bars
    return np.where(np.isnan(past).any(axis=1) | np.isnan(column), np.nan, share)


def swings(known: Known, highs: bool) -> list[int]:
    """Bars whose high (low) is over (under) the three before and the three after."""
    values = known["high"] if highs else -known["low"]
    seven = sliding_window_view(values, 7) if len(values) >= 7 else np.empty((0, 7))
    top = seven[:, 3]
    others = np.delete(seven, 3, axis=1).max(axis=1) if len(seven) else top
    return [int(at) + 3 for at in np.flatnonzero(top > others)]


def marks(known: Known, highs: bool) -> Column:
    """100 on the bar that confirms a swing, as TA-Lib marks it."""
    column = np.zeros(len(known["close"]))
    column[:6] = np.nan
    column[[at + 3 for at in swings(known, highs)]] = 100.0
    return column


def anchored(known: Known) -> tuple[Column, Column, Column]:
    """Weighted mean and deviation since midnight UTC, bar by bar (D. West, 1979)."""
    result = np.full((3, len(known["close"])), np.nan)
    weight = mean = spread = 0.0
    started, day = False, None
    rows = zip(known["time"], known["high"], known["low"], known["close"], known["volume"], strict=True)
    for at, (time, high, low, close, volume) in enumerate(rows):
        if time // 86_400_000 != day:
            started, day = day is not None or time % 86_400_000 == 0, time // 86_400_000
            weight = mean = spread = 0.0
        if volume and started:
            price = (high + low + close) / 3
            mean = mean if weight else price
            weight += volume
            step = price - mean
            mean += step * volume / weight
            spread += volume * step * (price - mean)
        if weight:
            deviation = math.sqrt(max(spread, 0.0) / weight)
            result[:, at] = mean, mean + deviation, mean - deviation
    return result[0], result[1], result[2]


def profile(known: Known) -> tuple[Column, Column, Column]:
    """Volume by price of 20 bars in 24 bins: the fullest, and 70 % of the volume around it."""
    result = np.full((3, len(known["close"])), np.nan)
    typical = (known["high"] + known["low"] + known["close"]) / 3.0
    prices, volumes = windows(typical, 20), windows(known["volume"], 20)
    for at in range(19, len(typical)):
        low, high = known["lowest_20"][at], known["highest_20"][at]
        if high <= low or not volumes[at].sum():
            continue
        places = np.minimum(((prices[at] - low) * (24 / (high - low))).astype(int), 23)
        bins = np.bincount(places, weights=volumes[at], minlength=24)
        first = last = int(bins.argmax())
        while bins[first : last + 1].sum() < 0.7 * bins.sum() * (1 - 1e-12):
            upper = bins[last + 1] if last < 23 else -1.0
            lower = bins[first - 1] if first else -1.0
            first, last = (first, last + 1) if upper >= lower else (first - 1, last)
        step = (high - low) / 24
        result[:, at] = low + (bins.argmax() + 0.5) * step, low + (last + 1) * step, low + first * step
    return result[0], result[1], result[2]


def levels(known: Known) -> dict[str, Column]:
    """The last ten swings of each kind known before a bar; the nearest on each side of the close before it."""
    length = len(known["close"])
    names = ("nearest_support", "nearest_resistance", "support_touches", "resistance_touches", "pivot_count")
    result = {name: np.full(length, np.nan) for name in names}
    found = {True: swings(known, True), False: swings(known, False)}
    prices = {True: known["high"][found[True]], False: known["low"][found[False]]}
    confirmed = {kind: np.searchsorted(np.array(found[kind]) + 3, np.arange(length)) for kind in found}
    for at in range(length):
        held = np.concatenate([prices[kind][max(0, confirmed[kind][at] - 10) : confirmed[kind][at]] for kind in found])
        result["pivot_count"][at] = len(held)
        if not at or not len(held):
            continue
        close, near = known["close"][at - 1], 0.25 * known["atr_14"][at - 1]
        for side, beyond in (("support", held[held < close]), ("resistance", held[held > close])):
            if len(beyond):
                level = beyond.max() if side == "support" else beyond.min()
                result[f"nearest_{side}"][at] = level
                if near == near:
                    result[f"{side}_touches"][at] = (np.abs(held - level) <= near).sum()
    return result


def divergence(known: Known, oscillator: str) -> Column:
    """+1 where the second of two swing lows within 60 bars is lower and the oscillator there higher; -1 on highs."""
    events = np.where(np.isnan(known["swing_low"]), np.nan, 0.0)
    for highs, sign in ((False, 1.0), (True, -1.0)):
        price, value = sign * known["high" if highs else "low"], sign * known[oscillator]
        for first, second in itertools.pairwise(swings(known, highs)):
            if second - first <= 60 and price[second] < price[first] and value[second] > value[first]:
                events[second + 3] = sign
    return events


def latch(known: Known) -> Column:
    result, on = np.full(len(known["close"]), np.nan), 0.0
    for at, adx in enumerate(known["adx_14"]):
        on = 1.0 if adx >= 25 else 0.0 if adx < 20 else on
        result[at] = on if adx == adx else np.nan
    return result


def held_three_bars(known: Known) -> tuple[Column, Column]:
    raw = known["regime_of_bar"]
    regimes, durations = np.full(len(raw), np.nan), np.full(len(raw), np.nan)
    regime, since = math.nan, 0
    for at in range(len(raw)):
        if at >= 2 and raw[at] == raw[at - 1] == raw[at - 2] and raw[at] != regime:
            regime, since = float(raw[at]), at
        if regime == regime:
            regimes[at], durations[at] = regime, at - since
    return regimes, durations
