"""Whether a strategy knows later bars: what it decided must stay, however long the history goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields

import numpy as np

from analyzer.strategies.base_strategy import Decisions, RuleStrategy
from core.rules.frames import Column, ColumnFrame, align, numeric_row
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.features import BarFeatures

Key = tuple[str, Timeframe]
# a vote: when, on what, which side
Decided = dict[tuple[int, str], str]
# a rule that knows one bar more is wrong on the last bar before a cut alone, and not on every one: it takes many
CUTS = tuple(0.3 + 0.02 * place for place in range(34))


class Seen:
    """Every row a strategy was given, as columns."""

    def __init__(self, frames: Iterable[BarFeatures]) -> None:
        rows: dict[Key, list[dict[str, float]]] = {}
        times: dict[Key, list[int]] = {}
        for frame in frames:
            key = (frame.symbol, frame.timeframe)
            rows.setdefault(key, []).append(numeric_row(frame.values))
            times.setdefault(key, []).append(frame.close_time)
        self._times = {key: np.array(found, dtype=np.float64) for key, found in times.items()}
        self._columns = {
            key: {name: np.array([row.get(name, np.nan) for row in found]) for name in found[-1]}
            for key, found in rows.items()
        }

    @property
    def symbols(self) -> list[str]:
        return sorted({symbol for symbol, _ in self._columns})

    def times(self, symbol: str, timeframe: Timeframe) -> Column:
        """Close times of the bars."""
        return self._times[(symbol, timeframe)]

    def frame(self, symbol: str, timeframe: Timeframe, until: float = float("inf")) -> ColumnFrame:
        """The columns as far as bars had closed before a moment, with those above and beside."""
        parts = {key: int(np.searchsorted(times, until)) for key, times in self._times.items()}
        columns = {
            key: {name: column[: parts[key]] for name, column in found.items()} for key, found in self._columns.items()
        }
        own = self._times[(symbol, timeframe)][: parts[(symbol, timeframe)]]
        aligned = {key: align(columns[key], times[: parts[key]], own) for key, times in self._times.items()}
        above = [Timeframe(name) for name in HIGHER_TIMEFRAMES.get(timeframe, ())]
        return ColumnFrame(
            columns[(symbol, timeframe)],
            length=len(own),
            symbol=symbol,
            timeframe=timeframe.value,
            higher={frame.value: aligned[(symbol, frame)] for frame in above if (symbol, frame) in aligned},
            peers={name: aligned[(name, timeframe)] for name in self.symbols if name != symbol},
        )


def on_columns(rule: RuleStrategy, seen: Seen, timeframe: Timeframe, decided: Decided) -> list[str]:
    """What is wrong with a rule: decisions that later bars change, or that a single bar does not confirm."""
    whole = {symbol: rule.evaluate(seen.frame(symbol, timeframe)) for symbol in seen.symbols}
    for symbol, decisions in whole.items():
        times = seen.times(symbol, timeframe)
        for share in CUTS:
            until = float(times[int(share * len(times))])
            at = _first_difference(decisions, rule.evaluate(seen.frame(symbol, timeframe, until)))
            if at is not None:
                return [f"looks ahead: later bars change what it decided on {_bar(symbol, times[at])}"]
    for symbol, decisions in whole.items():
        for time, side in zip(seen.times(symbol, timeframe).tolist(), decisions.side.tolist(), strict=True):
            name = {1: "BUY", -1: "SELL"}.get(side, "nothing")
            one = decided.get((int(time), symbol), "nothing")
            if one != name:
                return [f"decides {name} on whole columns and {one} on the bar alone, at {_bar(symbol, time)}"]
    return []


def _first_difference(whole: Decisions, part: Decisions) -> int | None:
    length = len(part.side)
    different = np.zeros(length, dtype=bool)
    for field in fields(Decisions):
        before, after = getattr(whole, field.name)[:length], getattr(part, field.name)
        different |= ~((before == after) | (np.isnan(before) & np.isnan(after)))
    return int(np.argmax(different)) if different.any() else None


def on_bars(run: Callable[[int], Decided], decided: Decided, times: Sequence[int]) -> list[str]:
    """What a strategy decides on a history that ends earlier must be what it decided on the whole one."""
    until = times[int(CUTS[-1] * len(times))]
    again = run(until)
    before = {key: side for key, side in decided.items() if key[0] < until}
    for key in sorted(before.keys() | again.keys()):
        if before.get(key) != again.get(key):
            return [f"does not decide the same twice on {_bar(key[1], key[0])}: it looks ahead, or at something else"]
    return []


def _bar(symbol: str, close_time: float) -> str:
    return f"{symbol} closing {from_ms(int(close_time)):%Y-%m-%d %H:%M:%S}"
