"""Divergence: the price makes a new extreme and the oscillator does not.

Two swing lows in a row (see ``support_resistance``), at most 60 bars apart: the second low is lower while RSI, OBV or
stochastic %K there is higher: bullish, +1, on the bar that confirms the second swing. Mirrored on highs: -1. Else 0.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from core.features.detectors.support_resistance import SWING_BARS
from core.features.indicators.base import Columns, IndicatorParameters, Kernel, register
from core.rules.frames import NAN, Column

BARS_APART_MAX = 60
OSCILLATORS = {"rsi_14": "rsi_divergence", "obv": "obv_divergence", "stoch_k": "stochastic_divergence"}


@register
class Divergence(Kernel):
    """Divergences of RSI 14, OBV and stochastic %K; ``stoch_divergence`` says whether there is one of %K."""

    reads = ("high", "low", "swing_high", "swing_low", "rsi_14", "obv", "stoch_k")
    writes = ("rsi_divergence", "obv_divergence", "stochastic_divergence", "stoch_divergence")

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._bar = 0
        # high, low and oscillators of the last bars
        self._bars: deque[tuple[float, ...]] = deque(maxlen=SWING_BARS + 1)
        # bar, price and oscillators of the last swing of each kind
        self._low: tuple[int, float, list[float]] | None = None
        self._high: tuple[int, float, list[float]] | None = None

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        known = ~np.isnan(columns["swing_low"])
        result: dict[str, Column] = {}
        for oscillator, name in OSCILLATORS.items():
            events = np.where(known, 0.0, np.nan)
            for flags, prices, sign in (("swing_low", "low", 1.0), ("swing_high", "high", -1.0)):
                found = np.flatnonzero(np.nan_to_num(columns[flags]) != 0)
                at = found - SWING_BARS
                price, value = sign * columns[prices][at], sign * columns[oscillator][at]
                near = np.diff(at) <= BARS_APART_MAX
                diverges = (price[1:] < price[:-1]) & (value[1:] > value[:-1]) & near
                events[found[1:][diverges]] = sign
            result[name] = events
        result["stoch_divergence"] = np.abs(result["stochastic_divergence"])
        self._bar = length
        recent = [columns[name][-SWING_BARS - 1 :].tolist() for name in ("high", "low", *OSCILLATORS)]
        self._bars = deque(zip(*recent, strict=True), maxlen=SWING_BARS + 1)
        self._low = self._last(columns, "swing_low", "low")
        self._high = self._last(columns, "swing_high", "high")
        return result

    @staticmethod
    def _last(columns: Columns, flags: str, prices: str) -> tuple[int, float, list[float]] | None:
        found = np.flatnonzero(np.nan_to_num(columns[flags]) != 0)
        if not len(found):
            return None
        at = int(found[-1]) - SWING_BARS
        return at, float(columns[prices][at]), [float(columns[name][at]) for name in OSCILLATORS]

    def update(
        self, high: float, low: float, swing_high: float, swing_low: float, rsi: float, obv: float, stoch_k: float
    ) -> tuple[float, float, float, float]:
        self._bars.append((high, low, rsi, obv, stoch_k))
        start = 0.0 if swing_low == swing_low else NAN
        events = [start] * len(OSCILLATORS)
        # the swing high is looked at last, as in ``fill``; an unknown one is no swing
        if abs(swing_low) > 0:
            self._compare(1.0, events)
        if abs(swing_high) > 0:
            self._compare(-1.0, events)
        self._bar += 1
        return events[0], events[1], events[2], abs(events[2])

    def _compare(self, sign: float, events: list[float]) -> None:
        swing = self._bars[0]
        at, price, values = self._bar - SWING_BARS, swing[1] if sign > 0 else swing[0], list(swing[2:])
        last = self._low if sign > 0 else self._high
        if last is not None and at - last[0] <= BARS_APART_MAX and sign * price < sign * last[1]:
            for index, value in enumerate(values):
                if sign * value > sign * last[2][index]:
                    events[index] = sign
        if sign > 0:
            self._low = (at, price, values)
        else:
            self._high = (at, price, values)
