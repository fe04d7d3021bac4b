"""Seeded returns on which figures are compared with those of other libraries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS = ("normal", "heavy", "skewed", "dependent")
SEEDS = range(4)


def returns_of(seed: int, kind: str) -> Floats:
    """Returns of one of KINDS."""
    random = np.random.default_rng(seed)
    if kind == "normal":
        return random.normal(0.0004, 0.01, 500)
    if kind == "heavy":
        return random.standard_t(3, 750) * 0.008 + 0.0003
    if kind == "skewed":
        return random.exponential(0.01, 300) - 0.0097
    values = random.normal(0.0, 0.01, 900)
    for place in range(1, len(values)):
        values[place] += 0.4 * values[place - 1]
    return values


def trials_of(seed: int) -> Floats:
    """Returns of twelve trials in 331 periods, one of them better than the rest."""
    random = np.random.default_rng(seed)
    values = random.normal(0.0, 0.01, (331, 12))
    values[:, 5] += 0.0008
    return values


def trial_sharpes(seed: int) -> Floats:
    """Sharpe ratios of forty trials."""
    return np.random.default_rng(seed + 100).normal(0.0, 0.05, 40)
