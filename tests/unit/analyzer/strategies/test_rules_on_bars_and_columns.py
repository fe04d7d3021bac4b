"""A rule decides the same on one bar and on whole columns, and neither sleeps nor chatters."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analyzer.strategies.base_strategy import (
    ALWAYS_READ,
    BaseStrategy,
    Decisions,
    MarketData,
    Signal,
    features_needed,
)
from analyzer.strategies.market_monitors import TriangularMonitor
from core.features.candle_columns import CANDLE_COLUMNS, columns_of
from core.features.engine import IndicatorEngine
from core.features.window import ROWS_KEPT
from core.rules.frames import Column, ColumnFrame
from shared.src.domain.signals import StrengthLevel
from tests.unit.analyzer.strategies.markets import SYMBOLS, Market, market, rules, timeframe_of
from tests.unit.core.features.market import generated

SYMBOL = "AAAUSDC"
NAMES = sorted(rules())
# daily strategies have few days in a generated market
BARS = {"1m": 1800, "1d": 1200, "4h": 1500}


def decisions(name: str, symbol: str = SYMBOL) -> tuple[Market, Decisions]:
    strategy = rules()[name]
    timeframe = timeframe_of(strategy)
    seen = market(timeframe, BARS[timeframe])
    return seen, strategy.evaluate(seen.frame(symbol))


@cache
def data_at(timeframe: str, index: int) -> MarketData:
    """What a strategy is given when bar ``index`` has closed."""
    window = market(timeframe, BARS[timeframe]).window_until(SYMBOL, index)
    return window.market_data(SYMBOL, timeframe, start_time=5, peers=SYMBOLS)


@cache
def priced(timeframe: str, price: float) -> dict[str, Column]:
    """Features of one market at a price level."""
    return IndicatorEngine("X", timeframe).batch(columns_of(generated(900, seed=12, price=price, timeframe=timeframe)))


def alone(features: dict[str, Column], timeframe: str) -> ColumnFrame:
    return ColumnFrame(features, length=len(features["close"]), timeframe=timeframe)


@pytest.mark.parametrize("name", NAMES)
def test_one_bar_and_whole_columns_decide_alike(name: str) -> None:
    seen, columns = decisions(name)
    strategy = rules()[name]
    random = np.random.default_rng(1)
    voted = np.flatnonzero(columns.side != 0)[:8]
    others = random.integers(0, len(columns.side), 15)
    for index in sorted({*voted.tolist(), *(voted + 1).tolist(), *others.tolist()} - {len(columns.side)}):
        signal = strategy.generate_signal(data_at(seen.timeframe, index))
        if signal is None:
            assert columns.side[index] == 0, f"bar {index}"
            continue
        assert columns.side[index] == (1 if signal["side"] == "BUY" else -1), f"bar {index}"
        assert signal["strength"] == columns.strength[index]
        assert signal["confidence"] == columns.confidence[index]
        assert signal["stop_loss"] == columns.stop_loss[index]
        assert signal["take_profit"] == columns.take_profit[index]


@pytest.mark.parametrize("name", NAMES)
def test_every_signal_is_complete_and_its_levels_enclose_the_price(name: str) -> None:
    seen, columns = decisions(name)
    close = seen.features[(SYMBOL, seen.timeframe)]["close"]
    for side in (1, -1):
        at = columns.side == side
        assert (side * (columns.take_profit[at] - close[at]) > 0).all()
        assert (side * (close[at] - columns.stop_loss[at]) > 0).all()
    voted = np.flatnonzero(columns.side != 0)
    assert ((columns.strength >= 0) & (columns.strength <= 1)).all()
    assert ((columns.confidence >= 0) & (columns.confidence <= 1)).all()
    signal = rules()[name].generate_signal(data_at(seen.timeframe, int(voted[0])))
    assert signal is not None
    assert signal["strategy"] == name
    assert signal["symbol"] == SYMBOL
    assert signal["timestamp"] == 5
    assert signal["level"] == StrengthLevel.of(signal["strength"])
    assert signal["reason"]
    assert signal["metadata"]
    assert all(np.isfinite(value) for value in signal["metadata"].values())


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_speaks_now_and_then_and_never_on_more_than_a_twentieth_of_the_bars(name: str) -> None:
    votes = bars = 0
    for symbol in SYMBOLS:
        _, columns = decisions(name, symbol)
        votes += int((columns.side != 0).sum())
        bars += len(columns.side)
    assert votes > 0
    share = 0.12 if rules()[name].timeframes else 0.05
    assert votes / bars <= share, f"{votes} of {bars}"


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_reads_only_what_it_declares(name: str) -> None:
    strategy = rules()[name]
    seen = market(timeframe_of(strategy), BARS[timeframe_of(strategy)])
    declared = {*strategy.reads, *ALWAYS_READ, *CANDLE_COLUMNS}
    frame, part = seen.frame(SYMBOL), seen.frame(SYMBOL, only=declared)
    np.testing.assert_array_equal(strategy.evaluate(part).side, strategy.evaluate(frame).side)
    np.testing.assert_array_equal(strategy.evaluate(part).strength, strategy.evaluate(frame).strength)
    assert strategy.lookback < ROWS_KEPT


@pytest.mark.parametrize("name", NAMES)
def test_the_same_rule_decides_alike_on_a_tiny_price(name: str) -> None:
    strategy = rules()[name]
    timeframe = timeframe_of(strategy)
    large, small = (strategy.evaluate(alone(priced(timeframe, price), timeframe)).side for price in (1.0, 2.0**-17))
    np.testing.assert_array_equal(large, small)


def test_nobody_votes_in_a_market_that_does_not_trade() -> None:
    candles = generated(600, seed=3)
    dead = [
        type(bar)(bar.time, 100.0, 100.0, 100.0, 100.0, 0.0) if index > 300 else bar
        for index, bar in enumerate(candles)
    ]
    features = IndicatorEngine("X", "1m").batch(columns_of(dead))
    for strategy in rules().values():
        sides = strategy.evaluate(ColumnFrame(features, length=600, timeframe="1m")).side
        assert not sides[301:].any(), strategy.name


def test_an_engine_of_the_features_needed_gives_the_same_decisions() -> None:
    chosen = [strategy for strategy in rules().values() if strategy.timeframes is None]
    needed = features_needed(chosen)
    assert needed is not None
    candles = generated(900, seed=12)
    part = IndicatorEngine("X", "1m", features=needed - set(CANDLE_COLUMNS)).batch(columns_of(candles))
    whole = priced("1m", 1.0)
    assert len(part) < len(whole)
    for strategy in chosen:
        np.testing.assert_array_equal(
            strategy.evaluate(alone(part, "1m")).side, strategy.evaluate(alone(whole, "1m")).side
        )


def test_a_strategy_of_the_users_own_may_read_anything() -> None:
    class Own(BaseStrategy):
        name = "Own"

        def generate_signal(self, market_data: MarketData) -> Signal | None:
            return None

    assert features_needed([Own()]) is None
    assert features_needed([TriangularMonitor()]) == features_needed([])
