"""Intervals by drawing blocks of the past again: what might have come of it in another order of the same pieces.

Politis and Romano, "The Stationary Bootstrap" (1994); the length of blocks by Politis and White (2004), as corrected by
Patton, Politis and White (2009). Drawn from a seed: the same returns have the same interval. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 2_000
LEVEL = 0.95
RETURNS_MIN = 20
DRAWS_AT_ONCE = 2_000_000  # values held at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """Holds the true value with probability ``level``, as far as the past tells."""

    low: float
    high: float
    level: float


def mean_interval(
    returns: Floats, *, level: float = LEVEL, draws: int = DRAWS, seed: int = 0, block: float | None = None
) -> Interval | None:
    """Of the mean of ``returns`` (percentiles of the drawn means); None with fewer than twenty.

    ``block``: mean length of the drawn blocks, by default the one that suits how returns depend on each other.
    """
    if len(returns) < RETURNS_MIN:
        return None
    length = max(1.0, block_length(returns) if block is None else block)
    random = np.random.default_rng(seed)
    at_once = max(1, DRAWS_AT_ONCE // len(returns))
    means = np.concatenate(
        [
            returns[_places(random, len(returns), min(at_once, draws - start), length)].mean(axis=1)
            for start in range(0, draws, at_once)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def block_length(values: Floats) -> float:
    """Mean length of blocks for the stationary bootstrap, at least 1; 1 for values that never move."""
    count = len(values)
    centred = values - values.mean()
    if not np.any(centred):
        return 1.0
    longest = math.ceil(min(3 * math.sqrt(count), count / 3))
    quiet = max(5, int(math.log10(count)))
    lags = math.ceil(math.sqrt(count)) + quiet
    covariances = np.array([centred[lag:] @ centred[: count - lag] for lag in range(lags + 1)]) / count
    cutoff = min(2 * _last_dependent(centred, covariances, quiet), lags)
    ratios = np.arange(1, cutoff + 1) / cutoff
    weights = np.where(ratios <= 0.5, 1.0, 2 * (1 - ratios))
    terms = 2 * weights * covariances[1 : cutoff + 1]
    slope = float((terms * np.arange(1, cutoff + 1)).sum())
    variance = float(covariances[0] + terms.sum())
    if variance == 0:
        return float(longest)
    length = math.cbrt(slope**2 / variance**2 * count)
    return min(max(length, 1.0), float(longest))


def _last_dependent(centred: Floats, covariances: Floats, quiet: int) -> int:
    """The lag behind which ``quiet`` autocorrelations in a row are too small to tell from none; at least 1."""
    count = len(centred)
    limit = 2 * math.sqrt(math.log10(count) / count)
    small = 0
    for lag in range(len(covariances)):
        if lag >= quiet and small >= quiet:
            return max(1, lag - quiet)
        head, tail = centred[lag + 1 :], centred[: count - lag - 1]
        scale = math.sqrt(float(head @ head) * float(tail @ tail))
        small = small + 1 if abs(covariances[lag]) * count < limit * scale else 0
    return len(covariances)


def _places(random: np.random.Generator, count: int, draws: int, length: float) -> NDArray[np.int64]:
    """Places of returns: blocks that begin anywhere, go on with probability 1 - 1/length, and wrap at the end."""
    begins = random.random((draws, count)) < 1 / length
    begins[:, 0] = True
    starts = random.integers(count, size=(draws, count))
    steps = np.arange(count)
    since = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    places: NDArray[np.int64] = (np.take_along_axis(starts, since, axis=1) + steps - since) % count
    return places
