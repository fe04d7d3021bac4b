"""A backtest's plan with some of its numbers chosen by a search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.strategies.base_strategy import RuleStrategy
from backtester.fast_engine.decisions import HistoryDecisions
from backtester.fast_engine.run import decision_inputs, run_decided
from backtester.plan import SECTIONS, BacktestPlan
from backtester.report.curve import bar_equity
from backtester.search.daily_result import DailyResult, Parameters
from backtester.search.space import Dimension, Space
from backtester.trials import Trial
from core.features.history_columns import FrameColumns
from core.statistics.selection import sharpe
from shared.src.config import load_settings
from shared.src.domain.candles import DAY_MS, Timeframe
from shared.src.domain.errors import ConfigurationError

SETTINGS = frozenset(name for section in SECTIONS for name in section.model_fields)
MINUTES_OF_DAY = 1_440


@dataclass(frozen=True)
class PlanBacktest:
    """Runs ``plan`` with other numbers. A parameter is ``STRATEGY.option`` or the name of a setting in capitals.

    ``frames``: the features of the histories, computed once for all trials (``prepared``).
    """

    plan: BacktestPlan
    frames: Mapping[tuple[str, Timeframe], FrameColumns]

    @classmethod
    def prepared(cls, plan: BacktestPlan) -> PlanBacktest:
        decisions = HistoryDecisions(plan.histories, decision_inputs(plan))
        return cls(plan, decisions.frames)

    def __call__(self, parameters: Parameters) -> DailyResult:
        plan = with_parameters(self.plan, parameters)
        inputs = decision_inputs(plan)
        # other windows, other indicators
        frames = self.frames if inputs.parameters == decision_inputs(self.plan).parameters else None
        decisions = HistoryDecisions(plan.histories, inputs, frames=frames)
        outcome, _ = run_decided(plan, decisions)
        equity = bar_equity(plan.histories, outcome.flows, plan.capital, since_ms=plan.since_ms, until_ms=plan.until_ms)
        held_ms = max((trade.closed_ms - trade.opened_ms for trade in outcome.trades), default=0)
        return DailyResult(
            first_day=int(equity.times[0]) // DAY_MS,
            returns=tuple(equity.daily_returns().tolist()),
            trades=len(outcome.trades),
            holding_days=held_ms / DAY_MS,
        )

    def trial(self, parameters: Parameters, result: DailyResult) -> Trial:
        """As the ledger of trials counts it."""
        return with_parameters(self.plan, parameters).trial(sharpe(np.array(result.returns)))


def with_parameters(plan: BacktestPlan, parameters: Parameters) -> BacktestPlan:
    """The plan with these numbers.

    Raises:
        ConfigurationError: one is out of bounds, or there is no such parameter.
    """
    own, settings = _divided(parameters)
    strategies = [
        replace(each, overrides={**(each.overrides or {}), **own.pop(each.name, {})}) for each in plan.strategies
    ]
    if own:
        raise ConfigurationError(f"there is no strategy {', '.join(sorted(own))}")
    for strategy in strategies:
        strategy.create()
    return replace(plan, strategies=strategies, settings=_changed(plan, settings) if settings else plan.settings)


def _divided(parameters: Parameters) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Those of strategies by strategy, and those that are settings."""
    own: dict[str, dict[str, float]] = {}
    settings: dict[str, float] = {}
    for name, value in parameters.items():
        strategy, dot, option = name.rpartition(".")
        if dot:
            own.setdefault(strategy, {})[option] = value
        elif name.lower() in SETTINGS:
            settings[name.lower()] = value
        else:
            raise ConfigurationError(f"{name}: neither STRATEGY.option nor a setting of trading, risk or exits")
    return own, settings


def _changed(plan: BacktestPlan, settings: Mapping[str, float]) -> Any:
    """Settings with other numbers, held to the same bounds as in the environment."""
    given = {name: getattr(plan.settings, name) for name in plan.settings.model_fields_set}
    return load_settings(**{**given, **settings})


def purge_days(plan: BacktestPlan) -> int:
    """Whole days that a position may be held: so far apart are days of search and days of judgement."""
    return max(1, math.ceil(plan.settings.max_holding_minutes / MINUTES_OF_DAY))


def space_of(plan: BacktestPlan, named: Sequence[Dimension]) -> Space:
    """The dimensions that are named; with none, every option of the plan's strategies within its bounds.

    Raises:
        ConfigurationError: a dimension is none of the plan's, or goes beyond the bounds.
    """
    space = Space(tuple(named) or tuple(_all_options(plan.strategies)))
    for edge in ("low", "high"):
        with_parameters(plan, {dimension.name: getattr(dimension, edge) for dimension in space.dimensions})
    return space


def _all_options(strategies: Sequence[LoadedStrategy]) -> list[Dimension]:
    return [
        Dimension(f"{strategy.name}.{option.name}", option.low, option.high)
        for strategy in strategies
        if issubclass(strategy.cls, RuleStrategy)
        for option in strategy.cls.options
    ]
