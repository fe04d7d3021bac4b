"""The compiled loop against the rule as pandas and a plain loop over the crossings say it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtester.kernels.ema_cross import CrossResult, Prices, ema_cross, ema_crosses


def market(bars: int, seed: int) -> tuple[Prices, Prices]:
    random = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.003, bars)))
    opens = np.concatenate([[100.0], closes[:-1]]) * np.exp(random.normal(0.0, 0.0005, bars))
    return opens, closes


def by_the_rule(opens: Prices, closes: Prices, fast: int, slow: int, cash: float, fee: float) -> CrossResult:
    averages = (pd.Series(closes).ewm(span=span, adjust=False).mean() for span in (fast, slow))
    above = np.greater(*averages)
    above = np.where(np.arange(len(closes)) < slow - 1, False, above)
    held, trades, fills = 0.0, 0, 0
    for bar in np.flatnonzero(above[1:] != above[:-1]) + 1:
        if bar + 1 >= len(opens):
            break
        if above[bar]:
            held, cash = cash / (opens[bar + 1] * (1 + fee)), 0.0
        else:
            cash, held = held * opens[bar + 1] * (1 - fee), 0.0
            trades += 1
        fills += 1
    return CrossResult(trades, fills, float(cash + held * closes[-1]))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("fast", "slow"), [(12, 26), (3, 5), (50, 200), (30, 10)])
def test_it_trades_by_the_rule(seed: int, fast: int, slow: int) -> None:
    opens, closes = market(1_500, seed)
    found = ema_cross(opens, closes, fast=fast, slow=slow, cash=10_000.0, fee=0.001)
    expected = by_the_rule(opens, closes, fast, slow, 10_000.0, 0.001)
    assert (found.trades, found.fills) == (expected.trades, expected.fills)
    assert found.equity == pytest.approx(expected.equity, rel=1e-9)


@pytest.mark.parametrize("bars", [1, 2, 26, 27])
def test_a_short_history_is_no_trade(bars: int) -> None:
    opens, closes = market(bars, 1)
    assert ema_cross(opens, closes, cash=5.0) == CrossResult(0, 0, 5.0)


def test_columns_that_cannot_be_written_are_read() -> None:
    opens, closes = market(500, 2)
    expected = ema_cross(opens, closes)
    opens.flags.writeable = closes.flags.writeable = False
    assert ema_cross(opens, closes) == expected


def test_any_number_of_threads_gives_the_same_in_the_same_order() -> None:
    opens, closes = market(2_000, 3)
    spans = [(fast, slow) for fast in range(2, 12) for slow in (20, 50)]
    alone = [ema_cross(opens, closes, fast=fast, slow=slow) for fast, slow in spans]
    assert ema_crosses(opens, closes, spans, threads=1) == alone
    assert ema_crosses(opens, closes, spans, threads=4) == alone


@pytest.mark.parametrize(("opens", "fast"), [(4, 12), (5, 0)])
def test_what_makes_no_sense_is_refused(opens: int, fast: int) -> None:
    with pytest.raises(ValueError, match=r"opens|spans"):
        ema_cross(np.ones(opens), np.ones(5), fast=fast)
