"""A search from its plan to its judgement, with every trial counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from optuna.storages import BaseStorage

from backtester.search.judgement import Fold, Judgement, fold_of, judged
from backtester.search.plan_backtest import PlanBacktest, purge_days
from backtester.search.search import Plan, Search, Tried, best_of
from backtester.search.splits import combinatorial, walk_forward
from backtester.trials import TrialLedger

Tick = Callable[[], None]


class SearchRun:
    """``ledger`` counts each trial as soon as it is known. ``tick`` is called after each."""

    def __init__(
        self,
        backtest: PlanBacktest,
        ledger: TrialLedger,
        storage: BaseStorage,
        *,
        jobs: int = 1,
        tick: Tick = lambda: None,
    ) -> None:
        self._backtest = backtest
        self._ledger = ledger
        self._storage = storage
        self._jobs = jobs
        self._tick = tick

    def judged(self, plan: Plan, *, folds: int = 0, groups: tuple[int, int] | None = None) -> Judgement:
        """Search, and judge the winner. ``folds`` of a walk forward, each with a search of its own; ``groups``: into
        how many pieces the history is cut, and how many of them are held out at a time.

        Raises:
            ValueError: there are too few days for that.
            ConfigurationError: there is another search of that name.
            TransientError: a worker was killed; the same call goes on.
        """
        tried = self._tried(plan)
        days = len(tried[0].result.returns)
        purge = purge_days(self._backtest.plan)
        found: list[Fold] = []
        if folds:
            for number, split in enumerate(walk_forward(days, folds, purge=purge), start=1):
                own = replace(plan, name=f"{plan.name}, fold {number} of {folds}", train=split.train)
                found.append(fold_of(self._tried(own), split))
        if groups is not None:
            found += [fold_of(tried, split) for split in combinatorial(days, *groups, purge=purge)]
        winner = best_of(tried)
        history = self._ledger.tried_on(self._backtest.trial(winner.parameters, winner.result))
        return judged(tried, found, history)

    def _tried(self, plan: Plan) -> list[Tried]:
        search = Search(plan, self._storage, on_trial=self._count)
        # killed between the record of a trial and its count: it is counted now
        counted = {trial.parameters for trial in self._ledger.all()}
        missing = [self._backtest.trial(item.parameters, item.result) for item in search.tried()]
        self._ledger.add(trial for trial in missing if trial.parameters not in counted)
        return search.run(self._backtest, jobs=self._jobs)

    def _count(self, tried: Tried) -> None:
        self._ledger.add([self._backtest.trial(tried.parameters, tried.result)])
        self._tick()
