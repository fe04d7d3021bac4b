"""What the winner of a search is worth: on days that were not searched on, and against the number of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtester.search.search import Tried, best_of
from backtester.search.splits import Split
from core.statistics.bootstrap import Interval, mean_interval
from core.statistics.selection import BLOCKS, Trials, deflated_sharpe, overfitting_probability, sharpe

Floats = NDArray[np.float64]

DEFLATED_MIN = 0.95
OVERFITTING_MAX = 0.2


@dataclass(frozen=True, slots=True)
class Fold:
    """A split: the winner on its days of search, and that one's Sharpe ratio (of a day) there and on the others."""

    split: Split
    winner: Tried
    sharpe_inside: float | None
    sharpe_outside: float | None

    @property
    def outside(self) -> Floats:
        """What it returned on the days that were not searched on."""
        returns: Floats = np.array(self.winner.result.returns)[self.split.test]
        return returns

    @property
    def net_outside(self) -> float:
        """What it came to there, as a share of the first equity."""
        return float(np.prod(1 + self.outside) - 1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """``trials``: how many parameter sets ever saw this market, this search's included. ``outside``: interval of the
    mean return of a day that was not searched on. ``reasons``: why the winner is not believed; none: it is.
    """

    winner: Tried
    trials: int
    sharpe: float | None
    deflated: float | None
    overfitting: float | None
    folds: tuple[Fold, ...]
    outside: Interval | None
    reasons: tuple[str, ...]

    @property
    def is_believed(self) -> bool:
        return not self.reasons


def judged(tried: Sequence[Tried], folds: Sequence[Fold], history: Trials) -> Judgement:
    """Judge the best of a search. ``folds``: none, or those of its splits; ``history``: all trials on this market."""
    winner = best_of(tried)
    returns = np.array(winner.result.returns)
    deflated = deflated_sharpe(returns, history)
    overfitting = _overfitting(tried)
    outside = outside_returns(folds)
    reasons = []
    if deflated is None or deflated < DEFLATED_MIN:
        told = "is undefined" if deflated is None else f"{deflated:.3f}"
        reasons.append(f"the deflated Sharpe ratio {told} (at least {DEFLATED_MIN}) among {history.count} trials")
    if overfitting is not None and overfitting > OVERFITTING_MAX:
        reasons.append(f"the probability of overfitting {overfitting:.2f} (at most {OVERFITTING_MAX})")
    if folds and outside.mean() <= 0:
        reasons.append("outside of the days that were searched on it earned nothing")
    return Judgement(
        winner=winner,
        trials=history.count,
        sharpe=sharpe(returns),
        deflated=deflated,
        overfitting=overfitting,
        folds=tuple(folds),
        outside=mean_interval(outside),
        reasons=tuple(reasons),
    )


def fold_of(tried: Sequence[Tried], split: Split) -> Fold:
    """What comes of picking the best on a split's days of search."""
    winner = best_of(tried, split.train)
    returns = np.array(winner.result.returns)
    return Fold(split, winner, sharpe(returns[split.train]), sharpe(returns[split.test]))


def outside_returns(folds: Sequence[Fold]) -> Floats:
    """The return of each day that any fold was judged by, in order: the mean over the folds that were."""
    if not folds:
        return np.empty(0)
    days = len(folds[0].split.test)
    total, count = np.zeros(days), np.zeros(days)
    for fold in folds:
        total[fold.split.test] += fold.outside
        count[fold.split.test] += 1
    judged_by = count > 0
    returns: Floats = total[judged_by] / count[judged_by]
    return returns


def longest_holding(tried: Sequence[Tried]) -> int:
    """Whole days that any of them held a position: the purge."""
    return max((int(np.ceil(item.result.holding_days)) for item in tried), default=0)


def _overfitting(tried: Sequence[Tried]) -> float | None:
    moving = [item.result.returns for item in tried if any(item.result.returns)]
    matrix: Floats = np.array(moving).T if moving else np.empty((0, 0))
    return overfitting_probability(matrix, BLOCKS) if matrix.ndim == 2 else None
