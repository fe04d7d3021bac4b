"""How far a result can be believed that was picked because it looked best.

Sharpe ratios here are of one period, not of a year. Sources: Bailey and Lopez de Prado, "The Sharpe Ratio Efficient
Frontier" (2012, probabilistic Sharpe ratio) and "The Deflated Sharpe Ratio" (2014); Bailey, Borwein, Lopez de Prado and
Zhu, "The Probability of Backtest Overfitting" (2017). What means nothing yet is None, never zero. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NORMAL = NormalDist()
RETURNS_MIN = 3
BLOCKS = 16
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Trials:
    """What a winner was picked from: how many were tried, and the standard deviation of their Sharpe ratios."""

    count: int
    sharpe_deviation: float

    @classmethod
    def of(cls, sharpes: Sequence[float]) -> Trials:
        """Of all that were tried, whatever became of them."""
        return cls(len(sharpes), float(np.std(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0)


def sharpe(returns: Floats) -> float | None:
    """mean / standard deviation of the sample, of one period; None with fewer than three returns, or when all are one.

    Returns that differ by rounding alone are one: their ratio would be enormous and say nothing.
    """
    if len(returns) < RETURNS_MIN or not _moves(returns):
        return None
    return float(returns.mean() / returns.std(ddof=1))


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float | None:
    """Probability, 0 to 1, that the true Sharpe ratio exceeds ``benchmark``, given how many returns there are and how
    far they are from normal.

    Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)), moments of the population. None where
    ``sharpe`` is None, or where so few and extreme returns leave no variance.
    """
    ratio = sharpe(returns)
    if ratio is None:
        return None
    centred = returns - returns.mean()
    variance = float((centred**2).mean())
    skew = float((centred**3).mean()) / variance**1.5
    kurtosis = float((centred**4).mean()) / variance**2
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if spread <= 0:
        return None
    return NORMAL.cdf((ratio - benchmark) * math.sqrt(len(returns) - 1) / math.sqrt(spread))


def best_by_chance(trials: Trials) -> float:
    """The Sharpe ratio that the best of so many trials without any skill is expected to show."""
    if trials.count <= 1 or trials.sharpe_deviation <= 0:
        return 0.0
    gamma = float(np.euler_gamma)
    high = NORMAL.inv_cdf(1 - 1 / trials.count)
    higher = NORMAL.inv_cdf(1 - 1 / (trials.count * math.e))
    return trials.sharpe_deviation * ((1 - gamma) * high + gamma * higher)


def deflated_sharpe(returns: Floats, trials: Trials) -> float | None:
    """Probability, 0 to 1, that the winner of ``trials`` has any skill: its ``probabilistic_sharpe`` against the best
    that chance would have shown. Trials that are alike make it stricter than it need be. None as there.
    """
    return probabilistic_sharpe(returns, best_by_chance(trials))


def overfitting_probability(returns: Floats, blocks: int = BLOCKS) -> float | None:
    """Probability, 0 to 1, that the trial which looks best on one half of the time is no better than the middle of all
    on the other half (PBO, by combinatorially symmetric cross-validation).

    ``returns``: a row for each period in order, a column for each trial. All ways to take half of ``blocks`` pieces
    are tried; periods beyond a multiple of ``blocks`` are left out. None with fewer than two trials, fewer than two
    periods in a block, or when a trial stands still on a half.
    """
    rows = len(returns) // blocks * blocks
    if returns.ndim != 2 or returns.shape[1] < 2 or rows < 2 * blocks:
        return None
    pieces = returns[:rows].reshape(blocks, rows // blocks, -1)
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for place, half in enumerate(combinations(range(blocks), blocks // 2)):
        chosen[place, list(half)] = 1.0
    inside, outside = _sharpes(pieces, chosen), _sharpes(pieces, 1.0 - chosen)
    if not (np.isfinite(inside).all() and np.isfinite(outside).all()):
        return None
    rank_of = np.take_along_axis(outside, inside.argmax(axis=1)[:, None], axis=1)
    ranks = (outside < rank_of).sum(axis=1) + ((outside == rank_of).sum(axis=1) + 1) / 2
    return float((ranks <= (returns.shape[1] + 1) / 2).mean())


def _sharpes(pieces: Floats, chosen: Floats) -> Floats:
    """Sharpe ratios by row of ``chosen`` (pieces taken together) and trial; NaN where a trial stands still."""
    count = chosen[0].sum() * pieces.shape[1]
    shifted = pieces - pieces.mean(axis=(0, 1))  # squares of what is near its mean lose no digits
    first, second = chosen @ shifted.sum(axis=1), chosen @ (shifted**2).sum(axis=1)
    variance = (second - first**2 / count) / (count - 1)
    scale = np.abs(pieces).max(axis=(0, 1)) ** 2
    mean = first / count + pieces.mean(axis=(0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Floats = np.where(variance > 16 * EPSILON * scale, mean / np.sqrt(variance), np.nan)
    return ratios


def _moves(returns: Floats) -> bool:
    return bool(np.ptp(returns) > 4 * EPSILON * np.abs(returns).max())
