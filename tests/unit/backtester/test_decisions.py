"""Decisions from columns are those that the live engines make bar by bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from analyzer.src.strategy_loader import LoadedStrategy, StrategyLoader
from analyzer.strategies.base_strategy import BaseStrategy, MarketData, Signal
from backtester.fast_engine.decisions import DecisionInputs, HistoryDecisions, vote_only
from cli.offline.history_run import Strategist
from cli.offline.strategy_check import generated
from core.consensus.bar_decision import BarDecision, decided, rules_of
from core.consensus.decision import Consensus
from core.features.indicators.base import IndicatorParameters
from core.features.replay import decided_on
from shared.src.config import load_settings
from shared.src.domain.candles import Timeframe
from shared.src.market.recorded_history import RecordedHistory

SETTINGS = load_settings()
RULES = rules_of(SETTINGS)
DECIDED = decided_on(Timeframe.M1, SETTINGS.interval)


class EveryTenth(BaseStrategy):
    """A user's strategy: it has nothing but ``generate_signal``, and a state."""

    name = "Every_Tenth"

    def __init__(self) -> None:
        self._seen = 0

    def generate_signal(self, market_data: MarketData) -> Signal | None:
        self._seen += 1
        return {"side": "BUY", "strength": 0.9, "confidence": 0.8} if self._seen % 10 == 0 else None


def shipped() -> tuple[LoadedStrategy, ...]:
    return StrategyLoader().load().loaded


def with_a_users() -> tuple[LoadedStrategy, ...]:
    return (*shipped(), LoadedStrategy("Every_Tenth", "user", shipped()[0].source, EveryTenth))


def told(decision: BarDecision) -> tuple[Any, ...]:
    verdict = decision.verdict
    side = verdict.side if isinstance(verdict, Consensus) else None
    levels = (decision.stop_loss, decision.take_profit)
    return decision.id, side, decision.strategy, decision.strength, decision.confidence, *levels, verdict.reason


def bar_by_bar(histories: Sequence[RecordedHistory], strategies: Sequence[LoadedStrategy]) -> Iterator[BarDecision]:
    for bar in Strategist(strategies, SETTINGS, DECIDED).votes(histories):
        decision = decided(bar, RULES, SETTINGS.market_mode)
        if decision is not None:
            yield decision


def on_columns(histories: Sequence[RecordedHistory], strategies: Sequence[LoadedStrategy]) -> HistoryDecisions:
    parameters = IndicatorParameters.of(SETTINGS)
    inputs = DecisionInputs(strategies, parameters, RULES, SETTINGS.market_mode, 0.0, DECIDED)
    return HistoryDecisions(histories, inputs)


def three_coins() -> list[RecordedHistory]:
    return [replace(history, candles=history.candles[:700]) for history in generated(Timeframe.M1)]


@pytest.mark.parametrize(
    ("strategies", "histories"),
    [(shipped(), three_coins()), (with_a_users(), three_coins()[:1])],
    ids=["shipped, three coins", "with a user's own, one coin"],
)
def test_columns_decide_what_bars_decide(
    strategies: Sequence[LoadedStrategy], histories: Sequence[RecordedHistory]
) -> None:
    found = on_columns(histories, strategies)
    let_through = [found.decision(place) for _, places in found.moments() for place in places]
    live = list(bar_by_bar(histories, strategies))
    by_votes = [decision for decision in live if decision.accepted or decision.filter]
    assert len(by_votes) > 20
    assert sorted(map(told, let_through), key=str) == sorted(map(told, by_votes), key=str)
    assert sum(found.refused.values()) == len(live) - len(by_votes)


def test_a_strategy_that_only_votes_is_known_as_one() -> None:
    assert [source.name for source in vote_only(with_a_users())] == ["Every_Tenth"]


def test_votes_are_counted_by_strategy() -> None:
    histories = three_coins()[:1]
    counted = dict.fromkeys((loaded.name for loaded in shipped()), 0)
    for bar in Strategist(shipped(), SETTINGS, DECIDED).votes(histories):
        for vote in bar.votes:
            counted[vote.strategy] += 1
    found = on_columns(histories, shipped()).votes
    assert {name: count for name, count in found.items() if count} == {n: c for n, c in counted.items() if c}


def test_moments_come_in_the_order_of_the_market() -> None:
    moments = [close_ms for close_ms, _ in on_columns(generated(Timeframe.M1), shipped()).moments()]
    assert moments == sorted(set(moments))
