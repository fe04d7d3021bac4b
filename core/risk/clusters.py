"""Which coins move together: by the correlation of the returns of their recent closed minutes.

Five positions in five coins that move as one are one position. What cannot be told, for want of common minutes or of
any movement, counts as moving along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import StatisticsError, correlation
from typing import Final

RETURNS_MIN: Final = 30

Closes = Mapping[int, float]  # by the open time of the candle, ms


def moves_with(symbol: str, other: str, closes: Mapping[str, Closes], *, threshold: float) -> bool:
    """Whether the returns of two symbols correlate by ``threshold`` or more over the minutes that both have."""
    if symbol == other:
        return True
    found = correlation_of(closes.get(symbol, {}), closes.get(other, {}))
    return found is None or found >= threshold


def cluster_of(symbol: str, others: Iterable[str], closes: Mapping[str, Closes], *, threshold: float) -> frozenset[str]:
    """Those of the symbols that move with ``symbol``."""
    return frozenset(other for other in others if moves_with(symbol, other, closes, threshold=threshold))


def correlation_of(left: Closes, right: Closes) -> float | None:
    """Pearson's correlation of the returns between common minutes; None with fewer than 30, or without movement."""
    times = sorted(left.keys() & right.keys())
    if len(times) <= RETURNS_MIN:
        return None
    try:
        return correlation(_returns([left[time] for time in times]), _returns([right[time] for time in times]))
    except StatisticsError:
        return None  # one of them did not move


def _returns(prices: Iterable[float]) -> list[float]:
    return [after / before - 1.0 for before, after in pairwise(prices)]
