"""Searches: the same end for any number of workers, over kills, on any storage."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from optuna.storages import BaseStorage, InMemoryStorage

from backtester.search.daily_result import NO_SCORE, DailyResult
from backtester.search.search import Plan, Search, Tried, best_of
from backtester.search.space import Dimension, Space
from backtester.search.storages import storage_of
from shared.src.domain.errors import ConfigurationError, TransientError
from tests.unit.backtester.search.markets import SPACE, Deadly, Market

TRIALS = 40
EARNING = Market(edge=0.3)


def plan(*, trials: int = TRIALS, seed: int = 3, name: str = "a search") -> Plan:
    return Plan(name, SPACE, trials, seed=seed)


def search(storage: BaseStorage | None = None, *, trials: int = TRIALS, seed: int = 3) -> list[Tried]:
    return Search(plan(trials=trials, seed=seed), storage or InMemoryStorage()).run(EARNING)


@pytest.fixture(scope="module")
def expected() -> list[Tried]:
    return search()


def test_the_same_seed_tries_the_same(expected: list[Tried]) -> None:
    assert search() == expected
    assert search(seed=4) != expected


def test_it_goes_where_it_earns(expected: list[Tried]) -> None:
    assert abs(best_of(expected).parameters["window"] - 20) < 8
    late = [item.parameters["window"] for item in expected[16:]]
    assert sum(abs(window - 20) < 10 for window in late) > len(late) / 2


@pytest.mark.parametrize("jobs", [2, 3])
def test_the_number_of_workers_changes_nothing(jobs: int, expected: list[Tried]) -> None:
    assert Search(plan(), InMemoryStorage()).run(EARNING, jobs=jobs) == expected


def test_two_that_search_together_find_what_one_finds(tmp_path: Path, expected: list[Tried]) -> None:
    place = str(tmp_path / "journal")

    def one(_: int) -> list[Tried]:
        return Search(plan(), storage_of(place)).run(EARNING)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [expected, expected]


KILLED = """
import sys
from pathlib import Path
from backtester.search.search import Search
from backtester.search.storages import storage_of
from tests.unit.backtester.search.markets import Deadly
from tests.unit.backtester.search.test_search import EARNING, plan
folder = Path(sys.argv[1])
Search(plan(), storage_of(str(folder / "journal"))).run(Deadly(folder / "calls", int(sys.argv[2]), EARNING))
"""


@pytest.mark.parametrize("at", [1, 16, 17, 40])
def test_killed_at_any_trial_it_goes_on_to_the_same_end(at: int, tmp_path: Path, expected: list[Tried]) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(at)]
    assert subprocess.run(command, check=False).returncode == -9
    assert len(Search(plan(), storage_of(str(tmp_path / "journal"))).tried()) == at - 1
    subprocess.run(command, check=True)
    assert Search(plan(), storage_of(str(tmp_path / "journal"))).tried() == expected
    assert (tmp_path / "calls").stat().st_size == TRIALS + 1, "only what was killed is tried again"


def test_a_killed_worker_is_told_and_nothing_is_lost(tmp_path: Path, expected: list[Tried]) -> None:
    storage, deadly = InMemoryStorage(), Deadly(tmp_path / "calls", 20, EARNING)
    with pytest.raises(TransientError, match="goes on"):
        Search(plan(), storage).run(deadly, jobs=2)
    assert Search(plan(), storage).run(deadly, jobs=2) == expected


def test_more_trials_go_on_from_those_that_were_made(expected: list[Tried]) -> None:
    storage = InMemoryStorage()
    search(storage, trials=32)
    seen: list[int] = []
    found = Search(plan(), storage, on_trial=lambda tried: seen.append(tried.place)).run(EARNING)
    assert found == expected
    assert sorted(seen) == list(range(32, TRIALS))


def test_another_search_of_the_same_name_is_refused() -> None:
    storage = InMemoryStorage()
    search(storage, trials=1)
    with pytest.raises(ConfigurationError, match="another name"):
        search(storage, seed=9)


def test_what_never_moves_is_worse_than_what_loses() -> None:
    still, losing = DailyResult(0, (0.0,) * 9, trades=0), DailyResult(0, (-0.01, -0.02, 0.001), trades=3)
    assert still.score() == NO_SCORE < losing.score() < 0


@pytest.mark.parametrize(
    "dimensions",
    [(), (Dimension("a", 0, 1), Dimension("a", 0, 2))],
    ids=["nothing", "twice"],
)
def test_a_space_that_makes_no_sense_is_refused(dimensions: tuple[Dimension, ...]) -> None:
    with pytest.raises(ConfigurationError):
        Space(dimensions)


@pytest.mark.parametrize(("low", "high", "step"), [(2, 1, None), (0, 1, 0), (0, 1, -1), (float("nan"), 1, None)])
def test_a_dimension_that_makes_no_sense_is_refused(low: float, high: float, step: float | None) -> None:
    with pytest.raises(ConfigurationError):
        Dimension("a", low, high, step)


@pytest.mark.parametrize(
    "place", ["mysql://host/base", "grpc://host", "grpc://:5", "postgresql://nobody:word@127.0.0.1:1/x"]
)
def test_a_storage_that_cannot_be_is_refused_without_its_password(place: str) -> None:
    with pytest.raises(ConfigurationError, match="--storage") as refused:
        storage_of(place)
    assert "word" not in str(refused.value)


def test_spawned_workers_are_gone_afterwards() -> None:
    Search(plan(trials=4), InMemoryStorage()).run(EARNING, jobs=2)
    assert multiprocessing.active_children() == []
