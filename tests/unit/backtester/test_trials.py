"""The ledger of trials: it only grows, over searches, processes and crashes."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from backtester.trials import Trial, TrialLedger, parameters_hash
from shared.src.domain.errors import InvariantError

DAY = 86_400_000


def trial(
    number: int, *, symbols: tuple[str, ...] = ("BTCUSDC",), sharpe: float | None = 0.01, start: int = 0
) -> Trial:
    return Trial(f"parameters {number}", symbols, start * DAY, (start + 30) * DAY, sharpe, study="a search")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trials"


def test_all_that_was_tried_is_there_in_order(path: Path) -> None:
    TrialLedger(path).add(trial(number) for number in range(3))
    TrialLedger(path).add([trial(3, sharpe=None)])
    assert TrialLedger(path).all() == [trial(0), trial(1), trial(2), trial(3, sharpe=None)]


def test_the_same_parameters_on_the_same_market_are_one_trial(path: Path) -> None:
    ledger = TrialLedger(path)
    ledger.add([trial(1, sharpe=0.1), trial(2, sharpe=0.3), replace(trial(1, sharpe=0.2), study="another search")])
    assert ledger.tried_on(trial(1, sharpe=0.2)).count == 2
    assert ledger.tried_on(trial(9, sharpe=0.4)).count == 3, "the one that is judged is one of them"


@pytest.mark.parametrize(
    ("other", "count"),
    [
        (trial(2, symbols=("ETHUSDC",)), 1),
        (trial(2, symbols=("ETHUSDC", "BTCUSDC")), 2),
        (trial(2, start=30), 1),
        (trial(2, start=29), 2),
    ],
    ids=["another market", "one market of two", "later", "a day shared"],
)
def test_what_saw_none_of_the_same_market_does_not_count(path: Path, other: Trial, count: int) -> None:
    ledger = TrialLedger(path)
    ledger.add([other])
    assert ledger.tried_on(trial(1)).count == count


def test_their_ratios_spread_as_they_did(path: Path) -> None:
    ledger = TrialLedger(path)
    ledger.add([trial(1, sharpe=0.1), trial(2, sharpe=0.3), trial(3, sharpe=None)])
    found = ledger.tried_on(trial(1, sharpe=0.1))
    assert found.count == 3
    assert found.sharpe_deviation == pytest.approx(0.1 * 2**0.5)


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_trial_that_was_taken_out_of_the_middle_is_missed(path: Path, line: int) -> None:
    TrialLedger(path).add(trial(number) for number in range(4))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:line] + lines[line + 1 :]))
    with pytest.raises(InvariantError, match=f"line {line + 1}"):
        TrialLedger(path).all()
    with pytest.raises(InvariantError):
        TrialLedger(path).add([trial(9)])


def test_a_trial_that_was_changed_is_seen(path: Path) -> None:
    TrialLedger(path).add(trial(number) for number in range(2))
    path.write_text(path.read_text().replace("parameters 0", "parameters 5"))
    with pytest.raises(InvariantError, match="line 1"):
        TrialLedger(path).all()


def test_a_line_that_a_crash_cut_off_is_taken_away(path: Path) -> None:
    TrialLedger(path).add([trial(0), trial(1)])
    path.write_bytes(path.read_bytes()[:-20])
    TrialLedger(path).add([trial(2)])
    assert TrialLedger(path).all() == [trial(0), trial(2)]


def _add(path: Path, first: int) -> None:
    for number in range(first, first + 20):
        TrialLedger(path).add([trial(number)])


def test_several_processes_add_at_a_time(path: Path) -> None:
    workers = [multiprocessing.Process(target=_add, args=(path, first)) for first in (0, 100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(TrialLedger(path).all()) == 60


def test_parameters_are_the_same_in_any_order() -> None:
    assert parameters_hash({"a": 1, "b": {"c": 2, "d": 3}}) == parameters_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert parameters_hash({"a": 1}) != parameters_hash({"a": 2})
