"""A trial of a search is a backtest with other numbers, and nothing else."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from analyzer.src.strategy_loader import StrategyLoader
from backtester.fast_engine.run import run_fast
from backtester.plan import BacktestPlan
from backtester.report.document import Findings
from backtester.search.plan_backtest import PlanBacktest, purge_days, space_of, with_parameters
from backtester.search.run import SearchRun
from backtester.search.search import Plan
from backtester.search.space import Dimension
from backtester.trials import TrialLedger
from cli.offline.strategy_check import generated
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import ConfigurationError
from tests.unit.backtester.test_fast_engine import plan as plan_of

NAMED = (Dimension("RSI_Cross.oversold", 25, 40, 1), Dimension("MIN_VOTES", 1, 2, 1))


@lru_cache
def prepared() -> PlanBacktest:
    histories = generated(Timeframe.M1)[:1]
    whole = plan_of(histories)
    strategies = StrategyLoader(only=("RSI_Cross", "EMA_Cross")).load().loaded
    return PlanBacktest.prepared(
        BacktestPlan(
            histories=histories,
            files=(),
            certificates=(),
            strategies=strategies,
            settings=whole.settings,
            capital=whole.capital,
            fee=whole.fee,
            since_ms=whole.since_ms,
            until_ms=whole.until_ms,
        )
    )


@pytest.mark.parametrize(
    "parameters",
    [{}, {"RSI_Cross.oversold": 38.0}, {"MIN_VOTES": 1.0}, {"RSI_WINDOW": 9.0, "MIN_VOTES": 1.0}, {"STOP_ATR": 2.5}],
    ids=["as it is", "a strategy's", "the consensus'", "a window", "a stop's"],
)
def test_a_trial_is_the_backtest_with_these_numbers(parameters: dict[str, float]) -> None:
    backtest = prepared()
    plan = with_parameters(backtest.plan, parameters)
    found = Findings.of(plan, "fast", run_fast(plan), 0.0)
    result = backtest(parameters)
    assert result.returns == tuple(found.equity.daily_returns().tolist())
    assert result.trades == len(found.outcome.trades)


def test_other_numbers_come_to_something_else() -> None:
    backtest = prepared()
    assert backtest({"MIN_VOTES": 1.0}).trades > backtest({"MIN_VOTES": 2.0}).trades


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"RSI_Cross.oversold": 1.0}, "between"),
        ({"RSI_Cross.nothing": 1.0}, "no option nothing"),
        ({"No_Strategy.oversold": 30.0}, "no strategy No_Strategy"),
        ({"SOMETHING": 1.0}, "SOMETHING"),
        ({"MIN_VOTES": -3.0}, "MIN_VOTES"),
        ({"MIN_VOTES": 1.5}, "MIN_VOTES"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before_the_search(parameters: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        space_of(prepared().plan, [Dimension(name, value, value) for name, value in parameters.items()])


def test_with_nothing_named_every_option_is_searched() -> None:
    names = {dimension.name for dimension in space_of(prepared().plan, []).dimensions}
    assert {"RSI_Cross.oversold", "RSI_Cross.overbought", "EMA_Cross.adx_min"} <= names


def test_days_of_search_and_of_judgement_are_as_far_apart_as_positions_are_long() -> None:
    assert purge_days(prepared().plan) == 1
    assert purge_days(with_parameters(prepared().plan, {"MAX_HOLDING_MINUTES": 3000.0})) == 3


def test_every_trial_is_counted_once_however_often_the_search_is_run(tmp_path: Path) -> None:
    backtest, storage = prepared(), InMemoryStorage()
    plan = Plan("counted", space_of(backtest.plan, NAMED), 18)
    judgements = []
    for _ in range(2):
        ledger = TrialLedger(tmp_path / "trials")
        judgements.append(SearchRun(backtest, ledger, storage).judged(plan))
    assert judgements[0] == judgements[1]
    tried = {trial.parameters for trial in TrialLedger(tmp_path / "trials").all()}
    assert judgements[0].trials == len(tried)
    other = SearchRun(backtest, TrialLedger(tmp_path / "trials"), InMemoryStorage())
    more = other.judged(Plan("deleted study, another seed", plan.space, 18, seed=1))
    assert more.trials > judgements[0].trials
