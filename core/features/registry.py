"""Finds every indicator of the two packages and orders them so that inputs come before their readers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache

import core.features.detectors as detectors_package
import core.features.indicators as indicators_package
from core.features.candle_columns import CANDLE_COLUMNS
from core.features.indicators.base import Indicator, IndicatorParameters, TalibIndicator, registered

# recorded beside candles, where a book is kept; nothing computes them, and without a book they are unknown
BOOK_COLUMNS = ("spread_bps", "book_imbalance", "bid_depth", "ask_depth")
_GIVEN = frozenset({*CANDLE_COLUMNS, *BOOK_COLUMNS})


@cache
def indicator_classes() -> tuple[type[Indicator], ...]:
    """Every registered class; importing a module of the two packages registers what it defines."""
    for package in (indicators_package, detectors_package):
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return registered()


def build_indicators(parameters: IndicatorParameters, features: Iterable[str] | None = None) -> list[Indicator]:
    """Fresh indicators in the order of their dependencies; only what ``features`` need when it is given.

    Raises:
        ValueError: two indicators write one column, or one reads a column that nothing writes.
    """
    indicators = [cls(parameters) for cls in indicator_classes()]
    writers: dict[str, Indicator] = {}
    for indicator in indicators:
        for name in indicator.writes:
            if name in writers or name in _GIVEN:
                raise ValueError(f"column {name} has two writers, one is {type(indicator).__name__}")
            writers[name] = indicator
    if features is None:
        return _ordered(list(writers), writers)
    wanted = [name for name in features if name not in _GIVEN]
    return _without_idle_calls(_ordered(wanted, writers), wanted)


def _without_idle_calls(ordered: Sequence[Indicator], wanted: Sequence[str]) -> list[Indicator]:
    """Drop TA-Lib functions that nobody asked for, and then what only they read."""
    needed = set(wanted)
    for indicator in reversed(ordered):
        if isinstance(indicator, TalibIndicator):
            for handle in reversed(indicator.handles):
                if needed.intersection(handle.names):
                    needed.update(handle.reads)
            indicator.keep_only(needed)
        elif needed.intersection(indicator.writes):
            needed.update(indicator.reads)
    return [indicator for indicator in ordered if needed.intersection(indicator.writes)]


def _ordered(wanted: Sequence[str], writers: dict[str, Indicator]) -> list[Indicator]:
    ordered: list[Indicator] = []
    done: set[int] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in CANDLE_COLUMNS:
            return
        if name in path:
            raise ValueError(f"columns depend on each other in a circle: {' > '.join((*path, name))}")
        indicator = writers.get(name)
        if indicator is None:
            raise ValueError(f"no indicator writes {name}, read by {path[-1] if path else 'the caller'}")
        if id(indicator) in done:
            return
        for needed in indicator.reads:
            if needed not in indicator.writes:
                visit(needed, (*path, name))
        done.add(id(indicator))
        ordered.append(indicator)

    for name in wanted:
        visit(name, ())
    return ordered
