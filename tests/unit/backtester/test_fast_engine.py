"""The fast engine on a seeded market: money adds up, nothing depends on what it must not, limits hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest

from analyzer.src.strategy_loader import StrategyLoader
from backtester.fast_engine.run import run_fast
from backtester.plan import BacktestPlan
from backtester.results import RunOutcome
from cli.offline.strategy_check import generated
from shared.src.config import load_settings
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.errors import ConfigurationError
from shared.src.market.recorded_history import RecordedHistory

CAPITAL = Decimal(10_000)


def plan(histories: Sequence[RecordedHistory], **settings: Any) -> BacktestPlan:
    symbols = ",".join(history.symbol for history in histories)
    return BacktestPlan(
        histories=histories,
        files=(),
        certificates=(),
        strategies=StrategyLoader().load().loaded,
        settings=load_settings(trading_symbols=symbols, **settings),
        capital=CAPITAL,
        fee=Decimal("0.001"),
        since_ms=0,
        until_ms=histories[0].candles[-1].close_time + 1,
    )


@lru_cache
def ordinary() -> RunOutcome:
    return run_fast(plan(generated(Timeframe.M1)))[0]


def test_it_trades() -> None:
    found = ordinary()
    assert len(found.trades) >= 10
    assert {trade.exit_reason for trade in found.trades} >= {"stop_loss", "signal"}


def test_money_is_only_moved() -> None:
    found = ordinary()
    cash = CAPITAL + sum(flow.cash for flow in found.flows)
    held: dict[str, Decimal] = {}
    for flow in found.flows:
        held[flow.symbol] = held.get(flow.symbol, Decimal(0)) + flow.held
    left = {trade.symbol: trade.entry_price for trade in found.trades}
    dust = sum(amount * left[symbol] for symbol, amount in held.items())
    assert min(held.values()) >= 0
    assert dust < len(found.trades)  # a step of each, worth less than one unit of the quote asset
    assert cash + dust - CAPITAL == pytest.approx(found.net, abs=Decimal("0.2"))


def test_cash_is_never_short() -> None:
    cash = CAPITAL
    for flow in ordinary().flows:
        cash += flow.cash
        assert cash >= 0


def bar_of(histories: Sequence[RecordedHistory], symbol: str, time_ms: int) -> Candle:
    candles = next(history.candles for history in histories if history.symbol == symbol)
    return next(candle for candle in reversed(candles) if candle.time <= time_ms)


def test_no_fill_is_outside_of_its_bar() -> None:
    histories = generated(Timeframe.M1)
    for trade in ordinary().trades:
        entry = bar_of(histories, trade.symbol, trade.opened_ms)
        assert entry.time == trade.opened_ms
        assert entry.low <= trade.entry_price <= entry.high


def test_an_entry_comes_after_the_bar_that_decided_it() -> None:
    assert all(trade.opened_ms < trade.closed_ms for trade in ordinary().trades)


def test_the_order_of_the_symbols_changes_nothing() -> None:
    assert run_fast(plan(generated(Timeframe.M1)[::-1]))[0] == ordinary()


def test_one_position_at_a_time_is_one_position_at_a_time() -> None:
    found = run_fast(plan(generated(Timeframe.M1), max_concurrent_positions=1))[0]
    spans = sorted((trade.opened_ms, trade.closed_ms) for trade in found.trades)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert any("MAX_CONCURRENT_POSITIONS" in reason for reason in found.refused)


def test_what_is_before_the_start_is_history_only() -> None:
    whole = plan(generated(Timeframe.M1))
    since_ms = whole.histories[0].candles[900].time
    found = run_fast(replace(whole, since_ms=since_ms))[0]
    assert found.trades
    assert min(trade.opened_ms for trade in found.trades) >= since_ms


@pytest.mark.parametrize("setting", ["trailing_stop_percent", "break_even_percent", "partial_take_profit_percent"])
def test_what_it_does_not_play_it_refuses_by_name(setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting.upper()):
        run_fast(plan(generated(Timeframe.M1)[:1], **{setting: Decimal(2)}))
