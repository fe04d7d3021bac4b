"""One bar or whole columns behind the same operators: a rule is written once and gives equal results on both.

A value is a ``float`` on one bar and a ``float64`` array on columns; a condition is a ``bool`` or a boolean array.
Rules use ``+ - * / & |`` and comparisons, and the functions of the frame where Python and NumPy differ. Both do IEEE
double arithmetic in the same order, hence the results are equal to the bit. Unknown is NaN: every comparison with it
is false.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.rules.labels import BOOLEANS, INTEGERS, LABELS, code_of

NAN = float("nan")
# float on one bar, float64 array on columns; the operators make them one
Value: TypeAlias = Any
# bool on one bar, boolean array on columns
Condition: TypeAlias = Any
Column: TypeAlias = NDArray[np.float64]
Row: TypeAlias = Mapping[str, float]


class LookaheadError(ValueError):
    """A rule asked for a bar after the one it decides on."""

    def __init__(self, name: str, bars: int) -> None:
        super().__init__(f"{name} of {-bars} bars ahead: a rule sees this bar and those before it")


class Frame(Protocol):
    """What a rule may ask. Nothing here can see a bar after the one that is decided on."""

    @property
    def symbol(self) -> str: ...
    @property
    def timeframe(self) -> str: ...
    def __getitem__(self, name: str) -> Value: ...
    def prev(self, name: str, bars: int = 1) -> Value: ...
    def label(self, name: str, text: str) -> Condition: ...
    def higher(self, timeframe: str) -> Frame: ...
    def peer(self, symbol: str) -> Frame: ...
    @property
    def peers(self) -> Sequence[str]: ...
    def constant(self, value: float) -> Value: ...
    def where(self, condition: Condition, yes: Value, no: Value) -> Value: ...
    def maximum(self, left: Value, right: Value) -> Value: ...
    def minimum(self, left: Value, right: Value) -> Value: ...
    def absolute(self, value: Value) -> Value: ...
    def root(self, value: Value) -> Value: ...
    def divide(self, numerator: Value, denominator: Value) -> Value: ...
    def no(self, condition: Condition) -> Condition: ...
    def known(self, *values: Value) -> Condition: ...


class BarFrame:
    """The last rows of one symbol and timeframe, newest last; values are floats."""

    __slots__ = ("_higher", "_peers", "_rows", "symbol", "timeframe")

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        symbol: str = "",
        timeframe: str = "",
        higher: Mapping[str, Sequence[Row]] | None = None,
        peers: Mapping[str, Sequence[Row]] | None = None,
    ) -> None:
        self._rows = rows
        self._higher = higher or {}
        self._peers = peers or {}
        self.symbol = symbol
        self.timeframe = timeframe

    @property
    def rows(self) -> Sequence[Row]:
        """The rows themselves, newest last."""
        return self._rows

    def __getitem__(self, name: str) -> Value:
        return self._rows[-1].get(name, NAN) if self._rows else NAN

    def prev(self, name: str, bars: int = 1) -> Value:
        if bars < 0:
            raise LookaheadError(name, bars)
        return self._rows[-1 - bars].get(name, NAN) if len(self._rows) > bars else NAN

    def label(self, name: str, text: str) -> Condition:
        return self[name] == code_of(name, text)

    def higher(self, timeframe: str) -> Frame:
        return BarFrame(self._higher.get(timeframe, ()), symbol=self.symbol, timeframe=timeframe)

    def peer(self, symbol: str) -> Frame:
        return BarFrame(self._peers.get(symbol, ()), symbol=symbol, timeframe=self.timeframe)

    @property
    def peers(self) -> Sequence[str]:
        return sorted(self._peers)

    def constant(self, value: float) -> Value:
        return value

    def where(self, condition: Condition, yes: Value, no: Value) -> Value:
        return yes if condition else no

    def maximum(self, left: Value, right: Value) -> Value:
        # unknown stays unknown, as in numpy.maximum
        if left != left or right != right:
            return NAN
        return left if left >= right else right

    def minimum(self, left: Value, right: Value) -> Value:
        if left != left or right != right:
            return NAN
        return left if left <= right else right

    def absolute(self, value: Value) -> Value:
        return abs(value)

    def root(self, value: Value) -> Value:
        return math.sqrt(value) if value >= 0 else NAN

    def divide(self, numerator: Value, denominator: Value) -> Value:
        return numerator / denominator if denominator else NAN

    def no(self, condition: Condition) -> Condition:
        return not condition

    def known(self, *values: Value) -> Condition:
        return all(value == value for value in values)


@dataclass(frozen=True, slots=True)
class Aligned:
    """Columns of another timeframe or symbol, and for each bar of this one the position it may see (-1: none yet)."""

    columns: Mapping[str, Column]
    index: NDArray[np.int64]


class ColumnFrame:
    """Whole columns of one symbol and timeframe; values are arrays of equal length."""

    __slots__ = ("_columns", "_higher", "_index", "_length", "_peers", "symbol", "timeframe")

    def __init__(
        self,
        columns: Mapping[str, Column],
        *,
        length: int,
        symbol: str = "",
        timeframe: str = "",
        higher: Mapping[str, Aligned] | None = None,
        peers: Mapping[str, Aligned] | None = None,
        index: NDArray[np.int64] | None = None,
    ) -> None:
        self._columns = columns
        self._length = length
        self._higher = higher or {}
        self._peers = peers or {}
        self._index = index
        self.symbol = symbol
        self.timeframe = timeframe

    def __getitem__(self, name: str) -> Value:
        return self.prev(name, 0)

    def prev(self, name: str, bars: int = 1) -> Value:
        if bars < 0:
            raise LookaheadError(name, bars)
        column = self._columns.get(name)
        if column is None or not len(column):
            return np.full(self._length, np.nan)
        if self._index is None:
            return shift(column, bars)
        place = self._index - bars
        return np.where(place >= 0, column[np.maximum(place, 0)], np.nan)

    def label(self, name: str, text: str) -> Condition:
        return self[name] == code_of(name, text)

    def higher(self, timeframe: str) -> Frame:
        return self._other(self._higher.get(timeframe), self.symbol, timeframe)

    def peer(self, symbol: str) -> Frame:
        return self._other(self._peers.get(symbol), symbol, self.timeframe)

    def _other(self, other: Aligned | None, symbol: str, timeframe: str) -> Frame:
        if other is None:
            return ColumnFrame({}, length=self._length, symbol=symbol, timeframe=timeframe)
        return ColumnFrame(other.columns, length=self._length, symbol=symbol, timeframe=timeframe, index=other.index)

    @property
    def peers(self) -> Sequence[str]:
        return sorted(self._peers)

    def constant(self, value: float) -> Value:
        return np.full(self._length, value)

    def where(self, condition: Condition, yes: Value, no: Value) -> Value:
        return np.where(condition, yes, no)

    def maximum(self, left: Value, right: Value) -> Value:
        return np.maximum(left, right)

    def minimum(self, left: Value, right: Value) -> Value:
        return np.minimum(left, right)

    def absolute(self, value: Value) -> Value:
        return np.abs(value)

    def root(self, value: Value) -> Value:
        return np.sqrt(value)

    def divide(self, numerator: Value, denominator: Value) -> Value:
        return np.where(np.equal(denominator, 0), np.nan, np.divide(numerator, denominator))

    def no(self, condition: Condition) -> Condition:
        return np.logical_not(condition)

    def known(self, *values: Value) -> Condition:
        result: Condition = True
        for value in values:
            result = result & np.equal(value, value)
        return result


def shift(column: Column, bars: int) -> Column:
    """The column ``bars`` bars ago; NaN where there was none."""
    if bars == 0:
        return column
    shifted = np.full(len(column), np.nan)
    shifted[bars:] = column[:-bars]
    return shifted


def align(columns: Mapping[str, Column], close_time: Column, base_close_time: Column) -> Aligned:
    """Bring another timeframe or symbol onto the bars of this one, without looking ahead.

    A bar sees the last other bar that closed before it did; one that closes at the same instant may arrive later.
    """
    return Aligned(columns, np.searchsorted(close_time, base_close_time, side="left").astype(np.int64) - 1)


def clip(frame: Frame, value: Value, low: float, high: float) -> Value:
    """``value`` held between two bounds."""
    return frame.minimum(frame.maximum(value, low), high)


def scale(frame: Frame, value: Value, low: float, high: float) -> Value:
    """0 at ``low``, 1 at ``high``, linear between, held outside; unknown counts as 0."""
    share = clip(frame, (value - low) / (high - low), 0.0, 1.0)
    return frame.where(frame.known(share), share, 0.0)


def numeric_row(values: Mapping[str, object]) -> dict[str, float]:
    """A row of the wire (texts, booleans, None, lists) as the numbers a frame holds."""
    row: dict[str, Any] = dict(values)
    for name, value in values.items():
        if type(value) is not float:  # most are, and asking for the exact type costs least
            number = _number(name, value)
            if number is None:
                del row[name]
            else:
                row[name] = number
    return row


def _number(name: str, value: object) -> float | None:
    """What stands for a value that is not a float; None when nothing does."""
    if value is None:
        return NAN
    if isinstance(value, (int, float)):  # bool is an int: True is 1.0
        return float(value)
    if isinstance(value, str) and name in LABELS and value in LABELS[name]:
        return code_of(name, value)
    return None


def wire_row(row: Row) -> dict[str, float | int | bool | str | None]:
    """The numbers of a frame as a row of the wire: labels as text, booleans as such, unknown as None."""
    result: dict[str, float | int | bool | str | None] = {
        name: value if value == value else None for name, value in row.items()
    }
    for name in _NAMED:
        code = result.get(name)
        if code is not None:
            result[name] = LABELS[name][int(code)]
    for name in BOOLEANS:
        code = result.get(name)
        if code is not None:
            result[name] = code != 0.0
    for name in INTEGERS:
        code = result.get(name)
        if code is not None:
            result[name] = int(code)
    return result


_NAMED = tuple(LABELS)
