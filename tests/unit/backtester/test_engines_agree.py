"""The fast engine and the whole platform in one process, on the same bars: the same trades, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from analyzer.src.strategy_loader import StrategyLoader
from backtester.fast_engine.run import run_fast
from backtester.full_engine.backtest import run_full
from backtester.plan import BacktestPlan
from backtester.results import BacktestTrade
from cli.offline.strategy_check import generated
from shared.src.config import load_settings
from shared.src.domain.candles import Timeframe
from shared.src.domain.symbols import split_symbol
from shared.src.market.recorded_history import RecordedHistory, read_history

KLINES = Path(__file__).resolve().parents[4] / "shared" / "data" / "klines"
# one of minutes and one of five; tests.bench.bench_identity plays them all, and whole
RECORDED = sorted([*KLINES.glob("ADAUSDT-1m-*"), *KLINES.glob("ETHUSDT-5m-*")])
# in the quote asset; below the eighth decimal the two add up in another order
SAME = Decimal("0.0000001")


def plan(histories: Sequence[RecordedHistory], **settings: Any) -> BacktestPlan:
    quote = split_symbol(histories[0].symbol)[1]
    symbols = ",".join(history.symbol for history in histories)
    return BacktestPlan(
        histories=histories,
        files=(),
        certificates=(),
        strategies=StrategyLoader().load().loaded,
        settings=load_settings(trading_mode="paper", trading_symbols=symbols, quote_asset=quote, **settings),
        capital=Decimal(10_000),
        fee=Decimal("0.001"),
        since_ms=histories[0].candles[0].time,
        until_ms=histories[0].candles[-1].close_time + 1,
    )


def first(history: RecordedHistory, bars: int) -> RecordedHistory:
    return replace(history, candles=history.candles[:bars])


def differ(one: BacktestTrade | None, other: BacktestTrade | None) -> bool:
    if one is None or other is None:
        return True
    amounts = ("exit_price", "fees", "profit_loss", "profit_loss_percent")
    near = all(abs(getattr(one, name) - getattr(other, name)) < SAME for name in amounts)
    rest = {name: getattr(one, name) for name in amounts}
    return not near or one != replace(other, **rest)


def assert_same(asked: BacktestPlan) -> int:
    """Both engines' trades are the same; how many there are."""
    fast, full = run_fast(asked)[0].trades, run_full(asked)[0].trades
    differences = [pair for pair in zip_longest(fast, full) if differ(*pair)]
    assert not differences, f"{len(differences)} of {len(fast)} and {len(full)} trades differ, first {differences[0]}"
    return len(fast)


def test_three_coins_on_one_account() -> None:
    assert assert_same(plan([first(history, 500) for history in generated(Timeframe.M1)])) >= 5


def test_positions_that_grow_old_leave_at_the_same_time() -> None:
    asked = plan([first(history, 400) for history in generated(Timeframe.M1)[:1]], max_holding_minutes=7)
    assert any(trade.exit_reason == "time" for trade in run_fast(asked)[0].trades)
    assert_same(asked)


def test_what_is_before_the_start_opens_nothing() -> None:
    whole = plan([first(generated(Timeframe.M1)[0], 500)])
    since_ms = whole.histories[0].candles[300].time
    assert_same(replace(whole, since_ms=since_ms))


@pytest.mark.skipif(not RECORDED, reason="the recordings are not beside the repository")
@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.name)
def test_recorded_markets(file: Path) -> None:
    history = read_history(file, file.name.split("-")[0])
    assert assert_same(plan([first(history, 700 if history.timeframe is Timeframe.M1 else 250)])) > 0
