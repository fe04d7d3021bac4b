"""A plan run on the fast engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from backtester.fast_engine.account import TradedAccount
from backtester.fast_engine.decisions import DecisionInputs, HistoryDecisions
from backtester.fast_engine.engine import FastEngine, TradingRules
from backtester.fast_engine.fills import Doubt, RecordedMarket
from backtester.listings import listing_of
from backtester.plan import BacktestPlan
from backtester.results import RunOutcome
from core.consensus.bar_decision import rules_of
from core.features.indicators.base import IndicatorParameters
from core.features.replay import decided_on
from core.risk.entry_decisions import DecisionRules
from shared.src.config import Settings
from shared.src.domain.errors import ConfigurationError

Tick = Callable[[int], None]
# what the fast engine does not play: a setting, its variable
NOT_PLAYED: Final = (
    ("trailing_stop_percent", "TRAILING_STOP_PERCENT"),
    ("break_even_percent", "BREAK_EVEN_PERCENT"),
    ("partial_take_profit_percent", "PARTIAL_TAKE_PROFIT_PERCENT"),
)


def check_playable(settings: Settings) -> None:
    """Raises ConfigurationError: a setting asks for what this engine does not play."""
    asked = [variable for name, variable in NOT_PLAYED if getattr(settings, name) is not None]
    if settings.max_cluster_exposure_percent < 100:
        asked.append("MAX_CLUSTER_EXPOSURE_PERCENT")
    if asked:
        raise ConfigurationError(f"the fast engine does not play {', '.join(asked)}; use --engine full")


def run_fast(plan: BacktestPlan, tick: Tick = lambda close_ms: None) -> tuple[RunOutcome, RunOutcome]:
    """The outcome with the worse of two exits wherever a bar does not say which came first, and with the better one.

    Raises:
        ConfigurationError: a setting asks for what this engine does not play.
    """
    return run_decided(plan, HistoryDecisions(plan.histories, decision_inputs(plan)), tick)


def decision_inputs(plan: BacktestPlan) -> DecisionInputs:
    """What decides in a plan."""
    settings = plan.settings
    return DecisionInputs(
        strategies=plan.strategies,
        parameters=IndicatorParameters.of(settings),
        rules=rules_of(settings),
        market_mode=settings.market_mode,
        min_volume=float(settings.min_volume),
        decided=decided_on(plan.histories[0].timeframe, settings.interval),
    )


def run_decided(
    plan: BacktestPlan, decisions: HistoryDecisions, tick: Tick = lambda close_ms: None
) -> tuple[RunOutcome, RunOutcome]:
    """The same on decisions that are there. Raises as ``run_fast``."""
    check_playable(plan.settings)
    worse = _run(plan, decisions, Doubt.STOP, tick)
    return worse, _run(plan, decisions, Doubt.TARGET, tick) if worse.ambiguous else worse


def _run(plan: BacktestPlan, decisions: HistoryDecisions, doubt: Doubt, tick: Tick) -> RunOutcome:
    settings = plan.settings
    rules = DecisionRules.of(settings)
    fills = replace(plan.fills, doubt=doubt)
    engine = FastEngine(
        {each.symbol: RecordedMarket(listing_of(each), each.candles, fills) for each in plan.histories},
        decisions,
        TradedAccount(plan.capital, plan.quote, settings.pocket_shares(), rules.limits),
        TradingRules(
            decisions=rules,
            taker=rules.exits.fees.taker,
            maker=rules.exits.fees.maker,
            holding_max=timedelta(minutes=settings.max_holding_minutes),
        ),
        since_ms=plan.since_ms,
        until_ms=plan.until_ms,
    )
    return engine.run(tick)
