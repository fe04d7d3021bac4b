"""A search for parameters that has the same end however it is run.

Trials have places, and places come in generations. What is tried at a place follows from the seed and from the trials
of earlier generations alone, so it does not matter how many workers there are, on how many machines, who is faster,
or who is killed: whatever place is not recorded yet is tried, by anybody, and if two try the same one they find the
same. Nobody has to agree with anybody on anything.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from backtester.search.daily_result import Backtest, DailyResult, Parameters
from backtester.search.space import Space, seed_of
from backtester.search.splits import Days
from shared.src.domain.errors import ConfigurationError, TransientError

GENERATION = 16
PLACE = "place"
RESULT = "result"
WHAT = "what is searched"
# a forked worker has the history without a copy of it; elsewhere than on Linux, libraries do not survive a fork
START = "fork" if sys.platform == "linux" else "spawn"


@dataclass(frozen=True, slots=True)
class Tried:
    """The trial at one place."""

    place: int
    parameters: Parameters
    result: DailyResult


Runner = Callable[[Sequence[tuple[int, Parameters]]], Iterator[Tried]]


@dataclass(frozen=True, slots=True)
class Plan:
    """``name`` of the search, ``trials`` to make, ``train``: the days that are searched on (None: all of them).

    ``is_guided``: later trials go where earlier ones did well; else all are drawn by chance, which a judgement by
    combinations needs, where every day is searched on at some time.
    """

    name: str
    space: Space
    trials: int
    seed: int = 0
    train: Days | None = None
    is_guided: bool = True

    def what(self) -> str:
        """All that decides what is tried; a search that goes on must be the same one."""
        days = None if self.train is None else self.train.tobytes().hex()
        return f"{self.space.sha256()}, seed {self.seed}, guided {self.is_guided}, days {days}"


class Search:
    """The search of a plan in ``storage``. ``on_trial`` is told of each trial that is recorded here.

    Raises:
        ConfigurationError: a search of that name has other parameters, another seed or other days.
    """

    def __init__(
        self, plan: Plan, storage: BaseStorage, *, on_trial: Callable[[Tried], None] = lambda tried: None
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._plan = plan
        self._on_trial = on_trial
        self._study = optuna.create_study(
            storage=storage, study_name=plan.name, direction="maximize", load_if_exists=True
        )
        known = self._study.user_attrs.get(WHAT)
        if known is None:
            self._study.set_user_attr(WHAT, plan.what())
        elif known != plan.what():
            raise ConfigurationError(f"there is a search {plan.name} with other parameters, seed or days: another name")

    def tried(self) -> list[Tried]:
        """What is recorded, in order of places, each once."""
        return [
            Tried(place, trial.params, DailyResult.of_document(trial.user_attrs[RESULT]))
            for place, trial in sorted(self._recorded().items())
        ]

    def run(self, backtest: Backtest, *, jobs: int = 1) -> list[Tried]:
        """Try what is not recorded yet, and answer all that is then. What it records can be gone on with.

        Raises:
            TransientError: a worker was killed; the same call goes on.
        """
        with _workers(backtest, jobs) as run:
            while (wanted := self._wanted()) is not None:
                for tried in run(wanted):
                    self._record(tried)
        return self.tried()

    def _record(self, tried: Tried) -> None:
        self._study.add_trial(
            create_trial(
                params=dict(tried.parameters),
                distributions=self._plan.space.distributions,
                value=tried.result.score(self._plan.train),
                user_attrs={PLACE: tried.place, RESULT: tried.result.document()},
            )
        )
        self._on_trial(tried)

    def _wanted(self) -> list[tuple[int, Parameters]] | None:
        """The places of the first generation that is not whole, with what is to be tried there; None: all is done."""
        recorded = self._recorded()
        for first in range(0, self._plan.trials, GENERATION):
            generation = range(first, min(first + GENERATION, self._plan.trials))
            missing = [place for place in generation if place not in recorded]
            if missing:
                return self._chosen(missing, [recorded[place] for place in range(first)])
        return None

    def _recorded(self) -> dict[int, FrozenTrial]:
        """By place, the first that was recorded there: two that tried the same place found the same."""
        found: dict[int, FrozenTrial] = {}
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            found.setdefault(trial.user_attrs[PLACE], trial)
        return found

    def _chosen(self, places: Sequence[int], before: Iterable[FrozenTrial]) -> list[tuple[int, Parameters]]:
        """What to try at these places, by the generations before theirs."""
        plan, study = self._plan, optuna.create_study(direction="maximize")
        if plan.is_guided:
            study.add_trials([_bare(trial, plan.space.distributions) for trial in before])
        chosen: list[tuple[int, Parameters]] = []
        for place in places:
            study.sampler = _sampler(seed_of(plan.seed, place), is_guided=plan.is_guided)
            chosen.append((place, study.ask(plan.space.distributions).params))
        return chosen


def best_of(tried: Sequence[Tried], days: Days | None = None) -> Tried:
    """The one with the best score on these days; the earliest of equals."""
    return max(tried, key=lambda item: (item.result.score(days), -item.place))


def _sampler(seed: int, *, is_guided: bool) -> BaseSampler:
    # within a generation nobody knows of the others: no liar is needed, and none would be the same for all workers
    return TPESampler(seed=seed, n_startup_trials=GENERATION, constant_liar=False) if is_guided else RandomSampler(seed)


def _bare(trial: FrozenTrial, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    return create_trial(params=trial.params, distributions=distributions, value=trial.value)


_backtest: Backtest | None = None


def _prepare(backtest: Backtest) -> None:
    global _backtest  # noqa: PLW0603 - a worker's history is sent to it once, not with every trial
    _backtest = backtest


def _run(parameters: dict[str, Any]) -> DailyResult:
    assert _backtest is not None, "the worker was started with its history"
    return _backtest(parameters)


@contextmanager
def _workers(backtest: Backtest, jobs: int) -> Iterator[Runner]:
    """What runs backtests; in this process where one job is asked for."""
    if jobs <= 1:
        yield lambda wanted: (Tried(place, parameters, backtest(parameters)) for place, parameters in wanted)
        return
    context = multiprocessing.get_context(START)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare, initargs=(backtest,)) as pool:
        yield lambda wanted: _in_processes(pool, wanted)


def _in_processes(pool: ProcessPoolExecutor, wanted: Sequence[tuple[int, Parameters]]) -> Iterator[Tried]:
    """Each as soon as it is known."""
    try:
        running = {pool.submit(_run, dict(parameters)): (place, parameters) for place, parameters in wanted}
        for future in as_completed(running):
            yield Tried(*running[future], future.result())
    except BrokenProcessPool as error:
        raise TransientError("a worker of the search was killed: run it again, it goes on") from error
