"""Sums over the last n bars that forget exactly.

TA-Lib's running sums keep a rounding residue (a window of zero volumes sums to 4e-13 after large ones), so that a ratio
to them explodes. These add the n values anew, oldest first, in the batch as on one bar: zero is zero and both are equal
to the bit.
"""

from __future__ import annotations

import operator
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial, reduce

import numpy as np

from core.rules.frames import NAN, Column, shift

# the built-in adds from left to right up to Python 3.11 and compensates from 3.12 on, which rounds otherwise
left_to_right: Callable[[Iterable[float]], float] = sum if sys.version_info < (3, 12) else partial(reduce, operator.add)


class ExactSum:
    """Sum of the last ``bars`` values; NaN until there are as many, and while one of them is unknown."""

    __slots__ = ("_bars", "_values")

    def __init__(self, bars: int) -> None:
        self._bars = bars
        self._values: deque[float] = deque(maxlen=bars)

    def fill(self, values: Column) -> Column:
        self._values.clear()
        self._values.extend(values[-self._bars :].tolist())
        total = np.zeros(len(values))
        for age in range(self._bars - 1, -1, -1):
            total = total + shift(values, age)
        return total

    def update(self, value: float) -> float:
        values = self._values
        values.append(value)
        return left_to_right(values) if len(values) == self._bars else NAN


def last_known(values: Column) -> Column:
    """Each NaN replaced by the last value before it."""
    index = np.where(np.isnan(values), 0, np.arange(len(values)))
    np.maximum.accumulate(index, out=index)
    return values[index] if len(values) else values


def bars_since_change(codes: Column) -> Column:
    """How many bars ago the value last changed (0 on the bar of the change, counted from the first known one)."""
    length = len(codes)
    if not length:
        return codes
    before = shift(codes, 1)
    changed = ~(codes == before)
    start = np.maximum.accumulate(np.where(changed, np.arange(length), 0))
    return np.where(np.isnan(codes), np.nan, np.arange(length) - start)
