"""Volume-weighted average price since the start of the session, with its deviation."""

from __future__ import annotations

import itertools
import math

import numpy as np

from core.features.indicators.base import Columns, IndicatorParameters, Kernel, register
from core.rules.frames import NAN, Column

DAY_MS = 86_400_000.0
UNKNOWN = (NAN, NAN, NAN)


@register
class AnchoredVwap(Kernel):
    """VWAP = sum(TP * volume) / sum(volume) from the first bar of the UTC day, TP = (H + L + C) / 3.

    The bands are one volume-weighted standard deviation away. Known from the first session that is seen from its start
    and from its first trade on. Bars of a day or longer have one session each, and the VWAP is their typical price.
    """

    reads = ("time", "high", "low", "close", "volume")
    writes = ("anchored_vwap", "vwap_upper_band", "vwap_lower_band")

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._day = NAN
        self._started = False
        self._origin = 0.0
        self._sums = (0.0, 0.0, 0.0)

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        day = np.floor(columns["time"] / DAY_MS)
        typical = (columns["high"] + columns["low"] + columns["close"]) / 3.0
        outputs = {name: np.full(length, np.nan) for name in self.writes}
        starts = np.flatnonzero(np.diff(day, prepend=np.nan) != 0)
        for start, stop in itertools.pairwise([*starts.tolist(), length]):
            if start == 0 and columns["time"][0] % DAY_MS != 0:
                self._remember(day[start], False, 0.0, (0.0, 0.0, 0.0))
                continue
            part = slice(start, stop)
            origin, volume = float(typical[start]), columns["volume"][part]
            # sums of the distance to the session's first price keep their digits
            distance = typical[part] - origin
            sums = tuple(np.cumsum(term) for term in (volume, distance * volume, distance * distance * volume))
            for name, column in zip(self.writes, _bands(origin, *sums), strict=True):
                outputs[name][part] = column
            self._remember(day[start], True, origin, (float(sums[0][-1]), float(sums[1][-1]), float(sums[2][-1])))
        return outputs

    def _remember(self, day: float, started: bool, origin: float, sums: tuple[float, float, float]) -> None:
        self._day, self._started, self._origin, self._sums = float(day), started, origin, sums

    def update(self, time: float, high: float, low: float, close: float, volume: float) -> tuple[float, float, float]:
        day = time // DAY_MS
        typical = (high + low + close) / 3.0
        if day != self._day:
            self._remember(day, self._day == self._day or time % DAY_MS == 0, typical, (0.0, 0.0, 0.0))
        if not self._started:
            return UNKNOWN
        distance = typical - self._origin
        weight, first, second = self._sums
        weight, first = weight + volume, first + distance * volume
        second = second + distance * distance * volume
        self._sums = (weight, first, second)
        if not weight:
            return UNKNOWN
        mean = first / weight
        deviation = math.sqrt(max(second / weight - mean * mean, 0.0))
        vwap = self._origin + mean
        return vwap, vwap + deviation, vwap - deviation


def _bands(origin: float, weight: Column, first: Column, second: Column) -> tuple[Column, Column, Column]:
    with np.errstate(all="ignore"):
        mean = np.where(weight > 0, first / weight, np.nan)
        deviation = np.sqrt(np.maximum(second / weight - mean * mean, 0.0))
    vwap = origin + mean
    return vwap, vwap + deviation, vwap - deviation
