"""Days to search on and days to judge by: never one of both, and apart by the purge."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtester.search.splits import Split, combinatorial, walk_forward


def places(days: np.ndarray) -> list[int]:
    return [int(place) for place in np.flatnonzero(days)]


def test_each_fold_of_a_walk_is_judged_by_the_days_behind_its_search() -> None:
    found = walk_forward(100, 4, purge=2)
    assert [(places(split.test)[0], places(split.test)[-1]) for split in found] == [
        (20, 39),
        (40, 59),
        (60, 79),
        (80, 99),
    ]
    assert [places(split.train) for split in found] == [list(range(end)) for end in (18, 38, 58, 78)]


def test_every_choice_of_groups_is_held_out_once() -> None:
    found = combinatorial(60, 6, 2)
    assert len(found) == 15
    assert len({split.test.tobytes() for split in found}) == 15
    assert [sum(bool(split.test[day]) for split in found) for day in (0, 30, 59)] == [5, 5, 5]


def test_behind_held_out_days_the_embargo_is_added() -> None:
    split = combinatorial(60, 6, 1, purge=3, embargo=4)[2]
    assert places(split.test) == list(range(20, 30))
    assert places(split.train) == [*range(17), *range(37, 60)]


sizes = st.tuples(st.integers(30, 400), st.integers(1, 8), st.integers(0, 6))


def nearest(split: Split) -> int:
    train, test = np.flatnonzero(split.train), np.flatnonzero(split.test)
    return int(np.abs(train[:, None] - test[None, :]).min())


@given(sizes)
def test_what_is_searched_on_stays_away_from_what_is_judged_by(size: tuple[int, int, int]) -> None:
    days, folds, purge = size
    try:
        found = walk_forward(days, folds, purge=purge) + combinatorial(days, max(2, folds), 1, purge=purge)
    except ValueError:
        return
    assert all(nearest(split) > purge for split in found)


@given(sizes)
def test_a_walk_judges_each_day_once_and_in_order(size: tuple[int, int, int]) -> None:
    days, folds, _ = size
    try:
        found = walk_forward(days, folds)
    except ValueError:
        return
    assert np.sum([split.test for split in found], axis=0).max() == 1
    assert all(places(before.test)[-1] + 1 == places(after.test)[0] for before, after in pairwise(found))


@pytest.mark.parametrize(("days", "folds", "purge"), [(5, 4, 0), (40, 4, 8), (0, 1, 0)])
def test_too_few_days_are_refused(days: int, folds: int, purge: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        walk_forward(days, folds, purge=purge)
    with pytest.raises(ValueError, match="too few"):
        combinatorial(days, folds + 1, folds, purge=purge + 5)
