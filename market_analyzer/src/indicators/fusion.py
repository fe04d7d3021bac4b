"""Runs the indicators of one bar in few steps: what is ready together is computed together.

TA-Lib handles of a step are called in one loop, formulas of a step are one compiled function that reads each input
once. Nothing changes but the cost: the order of dependencies and the arithmetic are the indicators' own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from market_analyzer.src.indicators.base import (
    FormulaIndicator,
    Indicator,
    MutableRow,
    StreamHandle,
    TalibIndicator,
)
from market_analyzer.src.indicators.registry import CANDLE_COLUMNS
from shared.src.indicators.compiled import Trace, write_function

Rows = Sequence[MutableRow]


class Step(ABC):
    """A part of the computation of one bar."""

    @abstractmethod
    def run(self, rows: Rows) -> None:
        """Write into ``rows[-1]``."""

    def reset(self) -> None:  # noqa: B027 - most steps keep nothing of their own
        """Forget what was derived from the state of the indicators; a history has been filled in."""


class _Streams(Step):
    """TA-Lib handles; once all are open they are called without asking whether they are."""

    def __init__(self, handles: Sequence[StreamHandle]) -> None:
        self._handles = handles
        self._open = False
        self._one: list[tuple[Callable[..., Any], str, str]] = []
        self._three: list[tuple[Callable[..., Any], str, str, str, str]] = []
        self._rest: list[tuple[Callable[..., Any], tuple[str, ...], tuple[str | None, ...]]] = []

    def reset(self) -> None:
        self._open = False

    def run(self, rows: Rows) -> None:
        row = rows[-1]
        if not self._open:
            for handle in self._handles:
                handle.write(row)
            self._open = all(handle.is_open for handle in self._handles)
            if self._open:
                self._sort()
            return
        for update, source, name in self._one:
            row[name] = update(row[source])
        for update, first, second, third, name in self._three:
            row[name] = update(row[first], row[second], row[third])
        for update, reads, names in self._rest:
            output = update(*[row[source] for source in reads])
            if len(names) == 1:
                row[names[0]] = output  # type: ignore[index]
                continue
            for output_name, value in zip(names, output, strict=True):
                if output_name is not None:
                    row[output_name] = float(value)

    def _sort(self) -> None:
        self._one, self._three, self._rest = [], [], []
        for handle in self._handles:
            update, reads, names = handle.update, handle.reads, handle.names
            single = names[0] if len(names) == 1 else None
            if single is not None and len(reads) == 1:
                self._one.append((update, reads[0], single))
            elif single is not None and len(reads) == 3:
                self._three.append((update, reads[0], reads[1], reads[2], single))
            else:
                self._rest.append((update, reads, names))


class _Formulas(Step):
    """Formulas as one function; a formula may read what another of the same step writes."""

    def __init__(self, formulas: Sequence[FormulaIndicator]) -> None:
        trace = Trace()
        self._names: list[str] = []
        outputs: list[Any] = []
        for formula in formulas:
            for name, output in zip(formula.writes, formula.formula(trace), strict=True):
                trace.bind(name, output)
                self._names.append(name)
                outputs.append(output)
        self._function = write_function(outputs)

    def run(self, rows: Rows) -> None:
        rows[-1].update(zip(self._names, self._function(rows), strict=True))


class _Single(Step):
    """Any other indicator."""

    def __init__(self, indicator: Indicator) -> None:
        self._indicator = indicator

    def run(self, rows: Rows) -> None:
        self._indicator.update(rows)


def fuse(indicators: Iterable[Indicator]) -> list[Step]:
    """The steps that compute the indicators of one bar; they share the indicators' state."""
    left = list(indicators)
    known = set(CANDLE_COLUMNS)
    steps: list[Step] = []
    while left:
        streams = _take(left, known, TalibIndicator, chained=False)
        if streams:
            steps.extend(_Streams(wave) for wave in _waves([handle for found in streams for handle in found.handles]))
        formulas = _take(left, known, FormulaIndicator, chained=True)
        if formulas:
            steps.append(_Formulas(formulas))
        if not streams and not formulas:
            others = _take(left, known, Indicator, chained=False)
            steps.extend(_Single(found) for found in others)
    return steps


def _waves(handles: list[StreamHandle]) -> list[list[StreamHandle]]:
    """Handles in groups, so that none reads what another of its group writes."""
    waves: list[list[StreamHandle]] = []
    wave_of: dict[str, int] = {}
    for handle in handles:
        wave = max((wave_of[name] + 1 for name in handle.reads if name in wave_of), default=0)
        waves += [[] for _ in range(wave + 1 - len(waves))]
        waves[wave].append(handle)
        wave_of |= {name: wave for name in handle.names if name is not None}
    return waves


def _take(left: list[Indicator], known: set[str], kind: Any, *, chained: bool) -> list[Any]:
    """Remove from ``left`` what is ready; with ``chained`` also what becomes ready by it."""
    taken: list[Any] = []
    found = True
    while found:
        ready = [
            indicator
            for indicator in left
            if isinstance(indicator, kind) and known.issuperset(set(indicator.reads) - set(indicator.writes))
        ]
        for indicator in ready:
            left.remove(indicator)
            known.update(indicator.writes)
        taken += ready
        found = chained and bool(ready)
    return taken
