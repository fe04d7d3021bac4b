"""Asking all rules at once hears the same votes as asking each."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from analyzer.src.strategy_loader import BUILT_IN, LoadedStrategy, StrategyLoader
from analyzer.strategies.base_strategy import MarketData
from core.consensus.strategy_set import Member, StrategySet
from tests.unit.analyzer.strategies.markets import SYMBOLS, market, rules, timeframe_of

SYMBOL = "AAAUSDC"
TIMEFRAMES = {"1m": 1800, "1d": 1200}
BROKEN = """
from .base_strategy import RuleStrategy, Verdict


class Broken(RuleStrategy):
    title = "Broken"

    def rule(self, frame):
        never = frame["close"] < 0
        return Verdict(buy=1.0 / (frame["close"] - frame["close"]) > 0, sell=never, strength=1, confidence=1)


class Stubborn(RuleStrategy):
    title = "Stubborn"

    def rule(self, frame):
        return Verdict(buy=frame["close"] < 0, sell=frame["close"] < 0, strength=1, confidence=1)

    def generate_signal(self, market_data):
        return {"side": "BUY"}


class Simple(RuleStrategy):
    title = "Simple"

    def rule(self, frame):
        return Verdict(buy=frame["close"] > frame.prev("close"), sell=frame["close"] < 0, strength=1, confidence=1)
"""


def strategy_set(strategies: tuple[LoadedStrategy, ...]) -> StrategySet:
    return StrategySet([Member(loaded.name, loaded.family, loaded.create()) for loaded in strategies])


@cache
def bars(timeframe: str) -> list[MarketData]:
    """Bars spread over a market, with what closed before them."""
    seen = market(timeframe, TIMEFRAMES[timeframe])
    places = np.random.default_rng(4).integers(5, TIMEFRAMES[timeframe], 60)
    return [
        seen.window_until(SYMBOL, int(place)).market_data(SYMBOL, timeframe, start_time=5, peers=SYMBOLS)
        for place in places
    ]


def heard(members: StrategySet, data: MarketData, *, at_once: bool) -> list[tuple[str, object]]:
    asked = members.speaking(data) if at_once else members.members
    answers = [(member.name, member.strategy.generate_signal(data)) for member in asked]
    return [(name, answer) for name, answer in answers if answer is not None]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_the_same_votes_are_heard_in_the_same_order(timeframe: str) -> None:
    members = strategy_set(StrategyLoader().load().loaded)
    votes = 0
    for data in bars(timeframe):
        each, together = (heard(members, data, at_once=at_once) for at_once in (False, True))
        assert together == each
        votes += len(each)
    assert votes > 10


@pytest.mark.parametrize("name", sorted(rules()))
def test_a_rule_never_votes_without_the_event_it_names(name: str) -> None:
    rule = rules()[name]
    for symbol in SYMBOLS:
        frame = market(timeframe_of(rule)).frame(symbol)
        event = rule.event(frame)
        if event is not None:
            assert event[rule.evaluate(frame).side != 0].all()


def test_on_most_bars_only_those_who_must_be_asked_are() -> None:
    members = strategy_set(StrategyLoader().load().loaded)
    asked = [len(members.speaking(data)) for data in bars("1m")]
    assert np.mean(asked) < 0.4 * len(members.members)


def test_a_rule_that_raises_or_answers_for_itself_is_asked_and_keeps_nobody_else_silent(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BROKEN)
    loaded = StrategyLoader((BUILT_IN, tmp_path), only=("Broken", "Stubborn", "Simple", "RSI_Cross")).load().loaded
    data = bars("1m")[0]
    rows = [{"close": 1.0, "atr_14": 0.1, "volume": 1.0, "active_bars_20": 20.0, "rsi_14": 50.0}] * 2
    rising = {"history": [rows[0], rows[1] | {"close": 1.1}], "symbol": SYMBOL, "timeframe": "1m"}
    asked = [one.name for one in strategy_set(loaded).speaking(rising)]
    assert asked == ["Broken", "RSI_Cross", "Simple", "Stubborn"], "one raises: all are asked"
    without = tuple(one for one in loaded if one.name != "Broken")
    assert [one.name for one in strategy_set(without).speaking(rising)] == ["Simple", "Stubborn"]
    assert "Stubborn" in [one.name for one in strategy_set(without).speaking(data)]
