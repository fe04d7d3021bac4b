"""Days to search on, and days to judge by that no search saw.

A position that was opened on a day of one kind and closed on a day of the other tells of both, so days around each
border are left out of what is searched on: as many as the longest position was held (the purge), and some more behind
days that are judged by, since markets remember (the embargo). Lopez de Prado, "Advances in Financial Machine Learning"
(2018), chapters 7 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.bool_]

TRAIN_DAYS_MIN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which days of a history are searched on, and which are judged by."""

    train: Days
    test: Days


def walk_forward(days: int, folds: int, *, purge: int = 0) -> list[Split]:
    """``folds`` stretches one behind the other, each judged by a search on all that was before it. The first part of
    the history, as long as a stretch, is searched on only.

    Raises:
        ValueError: there are too few days for so many folds.
    """
    edges = _edges(days, folds + 1)
    splits = []
    for start, end in pairwise(edges[1:]):
        train = np.arange(days) < start - purge
        splits.append(Split(train, _stretch(days, start, end)))
    return _checked(splits, f"{days} days are too few for {folds} folds with {purge} days between")


def combinatorial(days: int, groups: int, held_out: int, *, purge: int = 0, embargo: int = 0) -> list[Split]:
    """The history in ``groups`` pieces; every choice of ``held_out`` of them is judged by what was found on the rest.

    Raises:
        ValueError: there are too few days for so many groups, or none is left to search on.
    """
    edges = _edges(days, groups)
    splits = []
    for chosen in combinations(range(groups), held_out):
        test, train = np.zeros(days, np.bool_), np.ones(days, np.bool_)
        for group in chosen:
            start, end = edges[group], edges[group + 1]
            test |= _stretch(days, start, end)
            train &= ~_stretch(days, start - purge, end + purge + embargo)
        splits.append(Split(train, test))
    return _checked(splits, f"{days} days are too few for {groups} groups with {purge} days between")


def _edges(days: int, pieces: int) -> list[int]:
    return [days * piece // pieces for piece in range(pieces + 1)]


def _stretch(days: int, start: int, end: int) -> Days:
    places = np.arange(days)
    return (places >= start) & (places < end)


def _checked(splits: list[Split], complaint: str) -> list[Split]:
    if not splits or any(split.train.sum() < TRAIN_DAYS_MIN or not split.test.any() for split in splits):
        raise ValueError(complaint)
    return splits
