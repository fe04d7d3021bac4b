"""Where the volume of the last 20 bars was traded."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.features.indicators.base import Columns, IndicatorParameters, Kernel, register
from core.features.indicators.rolling import left_to_right
from core.rules.frames import NAN, Column

BARS = 20
BINS = 24
VALUE_AREA = 0.7
CHUNK = 50_000
UNKNOWN = (NAN, NAN, NAN)


@register
class VolumeProfile(Kernel):
    """Volume by price over 20 bars, each bar's volume at its typical price, in 24 bins from lowest low to highest high.

    POC is the middle of the fullest bin, the lowest of equals. The value area grows from it to the fuller neighbour,
    the upper one of equals, until it holds 70 % of the volume; VAH and VAL are its outer edges (J. Steidlmayer).
    """

    reads = ("high", "low", "close", "volume", "lowest_20", "highest_20", "volume_sum_20")
    writes = ("volume_profile_poc", "volume_profile_vah", "volume_profile_val")

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._bars: deque[tuple[float, float]] = deque(maxlen=BARS)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        typical = (columns["high"] + columns["low"] + columns["close"]) / 3.0
        volume = columns["volume"]
        self._bars = deque(zip(typical[-BARS:].tolist(), volume[-BARS:].tolist(), strict=True), maxlen=BARS)
        outputs = {name: np.full(length, np.nan) for name in self.writes}
        for begin in range(BARS - 1, length, CHUNK):
            part = slice(begin, min(begin + CHUNK, length))
            window = slice(begin - BARS + 1, part.stop)
            low, high = columns["lowest_20"][part], columns["highest_20"][part]
            profiles = _profiles(typical[window], volume[window], low, high)
            for name, column in zip(self.writes, _areas(profiles, low, high), strict=True):
                outputs[name][part] = column
        return outputs

    def update(
        self, high: float, low: float, close: float, volume: float, lowest: float, highest: float, volume_sum: float
    ) -> tuple[float, float, float]:
        self._bars.append(((high + low + close) / 3.0, volume))
        span = highest - lowest
        if not span > 0 or not volume_sum > 0:
            return UNKNOWN
        bins, per_price = [0.0] * BINS, BINS / span
        for typical, traded in self._bars:
            place = int((typical - lowest) * per_price)
            bins[place if place < BINS else BINS - 1] += traded
        poc = bins.index(max(bins))
        below, above = _value_area(bins, poc)
        step = span / BINS
        return lowest + (poc + 0.5) * step, lowest + (above + 1) * step, lowest + below * step


def _value_area(bins: list[float], poc: int) -> tuple[int, int]:
    goal = VALUE_AREA * left_to_right(bins)
    # a bin of -1 on each side stands for "no neighbour"
    padded = [-1.0, *bins, -1.0]
    held, below, above = bins[poc], poc, poc
    while held < goal and above - below < BINS - 1:
        upper, lower = padded[above + 2], padded[below]
        if upper >= lower:
            above += 1
            held += upper
        else:
            below -= 1
            held += lower
    return below, above


def _profiles(typical: Column, volume: Column, low: Column, high: Column) -> NDArray[np.float64]:
    """Volume per bin, one row per bar; bars are added oldest first, as on one bar."""
    prices, volumes = sliding_window_view(typical, BARS), sliding_window_view(volume, BARS)
    rows = np.arange(len(prices))
    profiles = np.zeros((len(prices), BINS))
    with np.errstate(all="ignore"):
        places = (prices - low[:, None]) * (BINS / (high - low))[:, None]
    bins = np.minimum(np.nan_to_num(places, posinf=0.0, neginf=0.0).astype(np.int64), BINS - 1)
    for bar in range(BARS):
        profiles[rows, bins[:, bar]] += volumes[:, bar]
    return profiles


def _areas(profiles: NDArray[np.float64], low: Column, high: Column) -> tuple[Column, Column, Column]:
    count = len(profiles)
    rows = np.arange(count)
    total = np.zeros(count)
    for index in range(BINS):
        total += profiles[:, index]
    poc = np.argmax(profiles, axis=1)
    # a bin of -1 on each side stands for "no neighbour"
    padded = np.full((count, BINS + 2), -1.0)
    padded[:, 1:-1] = profiles
    below, above, held = poc.copy(), poc.copy(), profiles[rows, poc]
    for _ in range(BINS - 1):
        grows = held < VALUE_AREA * total
        if not grows.any():
            break
        upper, lower = padded[rows, above + 2], padded[rows, below]
        up = grows & (upper >= lower) & (above < BINS - 1)
        down = grows & ~up & (below > 0)
        held = held + np.where(up, upper, np.where(down, lower, 0.0))
        above, below = above + up, below - down
    step = (high - low) / BINS
    usable = (high > low) & (total > 0)
    levels = (low + (poc + 0.5) * step, low + (above + 1) * step, low + below * step)
    return tuple(np.where(usable, level, np.nan) for level in levels)  # type: ignore[return-value]
