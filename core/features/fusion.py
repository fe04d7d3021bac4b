"""Writes the computation of one bar out as one function of plain floats.

TA-Lib streams and kernels are called directly, formulas stand in line with names instead of look-ups, and the row of
the wire is one literal. Nothing changes but the cost: the order of dependencies and the arithmetic are the indicators'
own.

``docs/rule-compiler.md`` shows two indicators and the function written for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.features.candle_columns import CANDLE_COLUMNS
from core.features.indicators.base import (
    FormulaIndicator,
    Indicator,
    IndicatorParameters,
    Kernel,
    StreamHandle,
    TalibIndicator,
)
from core.rules.compiler import Node, Trace, Writer, constants
from core.rules.frames import NAN
from core.rules.labels import BOOLEANS, INTEGERS, LABELS
from shared.src.domain.features import FeatureValue

FeatureRow = dict[str, FeatureValue]
BarFunction = Callable[..., FeatureRow]
# sets of features and windows whose code is kept; a platform has one, a test suite a few
PLANS_KEPT = 32


def fuse(indicators: Sequence[Indicator], kept: deque[dict[str, float]]) -> BarFunction:
    """The function of one bar: its ``CANDLE_COLUMNS`` in, its row out. It shares the indicators' state.

    Args:
        indicators: in the order of their dependencies.
        kept: what formulas read of earlier bars, newest last, always full; each call appends its own.
    """
    calls = [handle.update for found in indicators if isinstance(found, TalibIndicator) for handle in found.handles]
    kernels = [found.update for found in indicators if isinstance(found, Kernel)]
    bar: BarFunction = _plan_of(indicators).make(calls, kernels, kept)
    return bar


def names_kept(indicators: Sequence[Indicator]) -> tuple[str, ...]:
    """The features that formulas read of earlier bars."""
    return _plan_of(indicators).kept


def source_of_bar(indicators: Sequence[Indicator]) -> str:
    """The text of the function that ``fuse`` binds to the indicators' state."""
    return _plan_of(indicators).source


Shape = tuple[tuple[type[Indicator], tuple[str, ...], tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The text of a bar's function, the compiled maker of it, and the names it keeps; the same for every symbol."""

    source: str
    make: Callable[..., BarFunction]
    kept: tuple[str, ...]


def _plan_of(indicators: Sequence[Indicator]) -> _Plan:
    shape = tuple((type(indicator), indicator.reads, indicator.writes) for indicator in indicators)
    return _plan(shape, indicators[0].parameters if indicators else IndicatorParameters())


@lru_cache(PLANS_KEPT)
def _plan(shape: Shape, parameters: IndicatorParameters) -> _Plan:
    indicators = [_like(kind(parameters), writes) for kind, _, writes in shape]
    writer = _BarWriter()
    formulas = dict(_traced(indicators))
    for outputs in formulas.values():
        for output in outputs:
            writer.count(output)
    streams, kernels = 0, 0
    for indicator in indicators:
        if isinstance(indicator, TalibIndicator):
            for handle in indicator.handles:
                writer.stream(handle, streams)
                streams += 1
        elif isinstance(indicator, Kernel):
            writer.kernel(indicator, kernels)
            kernels += 1
        else:
            writer.formula(indicator, formulas[id(indicator)])
    kept = tuple(sorted(writer.kept))
    features = [*CANDLE_COLUMNS, *(name for indicator in indicators for name in indicator.writes)]
    source = _source(writer, streams, kernels, kept, features)
    scope: dict[str, Any] = {
        **constants(),
        **{f"labels_{name}": dict(enumerate(labels)) for name, labels in LABELS.items()},
    }
    # the source consists of the indicators' own operations and names of features; nothing else gets in
    exec(compile(source, "<bar>", "exec"), scope)  # noqa: S102
    return _Plan(source, scope["make"], kept)


def _like(indicator: Indicator, writes: tuple[str, ...]) -> Indicator:
    if isinstance(indicator, TalibIndicator):
        indicator.keep_only(frozenset(writes))
    return indicator


def _traced(indicators: Iterable[Indicator]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Every formula recorded; one may read what another writes."""
    trace = Trace()
    for indicator in indicators:
        if isinstance(indicator, FormulaIndicator):
            outputs = indicator.formula(trace)
            for name, output in zip(indicator.writes, outputs, strict=True):
                trace.bind(name, output)
            yield id(indicator), outputs


class _BarWriter(Writer):
    """Features of this bar are local names; those of earlier bars come from what was kept."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[str] = set()
        self.ages: set[int] = set()

    def load(self, feature: str, age: int) -> str:
        if age == 0:
            return _local(feature)
        self.kept.add(feature)
        self.ages.add(age)
        return f"before_{age}[{feature!r}]"

    def stream(self, handle: StreamHandle, number: int) -> None:
        targets = [_local(name) if name is not None else "_" for name in handle.names]
        self.lines.append(f"{', '.join(targets)} = stream_{number}({', '.join(map(_local, handle.reads))})")
        if handle.returns_integers:
            self.lines += [f"{target} = float({target})" for target in targets if target != "_"]

    def kernel(self, kernel: Kernel, number: int) -> None:
        targets = "".join(f"{_local(name)}, " for name in kernel.writes)
        self.lines.append(f"{targets}= kernel_{number}({', '.join(map(_local, kernel.reads))})")

    def formula(self, indicator: Indicator, outputs: Sequence[Any]) -> None:
        for name, output in zip(indicator.writes, outputs, strict=True):
            self.lines.append(f"{_local(name)} = {self.text(output)}")
            if isinstance(output, Node):
                self.name(output, _local(name))


def _local(feature: str) -> str:
    return f"f_{feature}"


def _source(writer: _BarWriter, streams: int, kernels: int, kept: Sequence[str], features: Sequence[str]) -> str:
    opening = [f"before_{age} = kept[{-age}]" for age in sorted(writer.ages)]
    keeping = [f"keep({{{', '.join(f'{name!r}: {_local(name)}' for name in kept)}}})"] if kept else []
    row = ",\n            ".join(f"{name!r}: {_on_wire(name)}" for name in features)
    body = "\n        ".join([*opening, *writer.lines, *keeping, f"return {{\n            {row},\n        }}"])
    return (
        "def make(streams, kernels, kept):\n"
        f"    [{', '.join(f'stream_{number}' for number in range(streams))}] = streams\n"
        f"    [{', '.join(f'kernel_{number}' for number in range(kernels))}] = kernels\n"
        "    keep = kept.append\n"
        f"    def bar({', '.join(map(_local, CANDLE_COLUMNS))}):\n"
        f"        {body}\n"
        "    return bar\n"
    )


def _on_wire(feature: str) -> str:
    """A number as the row of the wire has it: labels as text, booleans as such, unknown as None."""
    value = _local(feature)
    shown = value
    if feature in LABELS:
        shown = f"labels_{feature}[{value}]"
    elif feature in BOOLEANS:
        shown = f"{value} != 0.0"
    elif feature in INTEGERS:
        shown = f"int({value})"
    return f"{shown} if {value} == {value} else None"


def unknown_rows(names: Sequence[str], count: int) -> deque[dict[str, float]]:
    """The rows before the first bar."""
    return deque([dict.fromkeys(names, NAN)] * count, maxlen=count)
