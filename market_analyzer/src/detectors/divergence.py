"""Divergence: the price makes a new extreme and the oscillator does not.

Two swing lows in a row (see ``support_resistance``), at most 60 bars apart: the second low is lower while RSI, OBV or
stochastic %K there is higher: bullish, +1, on the bar that confirms the second swing. Mirrored on highs: -1. Else 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market_analyzer.src.detectors.support_resistance import SWING_BARS
from market_analyzer.src.indicators.base import Columns, Indicator, IndicatorParameters, MutableRow, register
from shared.src.indicators.frames import NAN, Column

BARS_APART_MAX = 60
OSCILLATORS = {"rsi_14": "rsi_divergence", "obv": "obv_divergence", "stoch_k": "stochastic_divergence"}


@register
class Divergence(Indicator):
    """Divergences of RSI 14, OBV and stochastic %K; ``stoch_divergence`` says whether there is one of %K."""

    reads = ("high", "low", "swing_high", "swing_low", "rsi_14", "obv", "stoch_k")
    writes = ("rsi_divergence", "obv_divergence", "stochastic_divergence", "stoch_divergence")
    lookback = SWING_BARS

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self._bar = 0
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

    def update(self, rows: Sequence[MutableRow]) -> None:
        row = rows[-1]
        start = 0.0 if row["swing_low"] == row["swing_low"] else NAN
        events = [start] * len(OSCILLATORS)
        # the swing high is looked at last, as in ``fill``
        for flags, sign in (("swing_low", 1.0), ("swing_high", -1.0)):
            if row[flags] and row[flags] == row[flags]:
                self._compare(rows[-1 - SWING_BARS], sign, events)
        self._bar += 1
        for name, event in zip(OSCILLATORS.values(), events, strict=True):
            row[name] = event
        row["stoch_divergence"] = abs(row["stochastic_divergence"])

    def _compare(self, swing: MutableRow, sign: float, events: list[float]) -> None:
        at = self._bar - SWING_BARS
        price = swing["low"] if sign > 0 else swing["high"]
        values = [swing[name] for name in OSCILLATORS]
        last = self._low if sign > 0 else self._high
        if last is not None and at - last[0] <= BARS_APART_MAX and sign * price < sign * last[1]:
            for index, value in enumerate(values):
                if sign * value > sign * last[2][index]:
                    events[index] = sign
        if sign > 0:
            self._low = (at, price, values)
        else:
            self._high = (at, price, values)
