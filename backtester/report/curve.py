"""What the account of a backtest was worth at the close of every bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from backtester.results import CashFlow
from core.rules.frames import Column
from core.statistics.equity import HOUR_MS, Point
from shared.src.domain.candles import DAY_MS
from shared.src.domain.money import score_to_decimal
from shared.src.market.recorded_history import RecordedHistory


@dataclass(frozen=True, slots=True)
class BarEquity:
    """``times``: when each bar closed (ms UTC, of any symbol); ``values``: the account then, quote units."""

    times: NDArray[np.int64]
    values: Column

    def hourly(self) -> list[Point]:
        """The last value of each hour."""
        return self._last_of(HOUR_MS)

    def daily_returns(self) -> Column:
        """Of each UTC day, from the end of the one before; the first from the beginning."""
        values = np.array([self.values[0], *(float(value) for _, value in self._last_of(DAY_MS))])
        returns: Column = values[1:] / values[:-1] - 1.0
        return returns

    def max_drawdown_percent(self) -> float | None:
        """The deepest fall from a peak, bar by bar, as a positive number; None without two bars."""
        if len(self.values) < 2:
            return None
        peaks = np.maximum.accumulate(self.values)
        return float(np.max((peaks - self.values) / peaks) * 100.0)

    def _last_of(self, period_ms: int) -> list[Point]:
        periods = self.times // period_ms
        last = np.flatnonzero(np.append(periods[1:] != periods[:-1], True))
        return [
            (time, score_to_decimal(value))
            for time, value in zip(self.times[last].tolist(), self.values[last].tolist(), strict=True)
        ]


def bar_equity(
    histories: Sequence[RecordedHistory],
    flows: Sequence[CashFlow],
    capital: Decimal,
    *,
    since_ms: int,
    until_ms: int,
) -> BarEquity:
    """The account from ``since_ms`` on: its cash, and what it holds at the last close of each symbol."""
    closes = {
        history.symbol: (
            np.array([candle.close_time for candle in history.candles], dtype=np.int64),
            np.array([float(candle.close) for candle in history.candles]),
        )
        for history in histories
    }
    times = np.unique(np.concatenate([known for known, _ in closes.values()]))
    times = times[(times >= since_ms) & (times < until_ms)]
    values = float(capital) + _running([(flow.time_ms, float(flow.cash)) for flow in flows], times)
    for symbol, (known, prices) in closes.items():
        held = _running([(flow.time_ms, float(flow.held)) for flow in flows if flow.symbol == symbol], times)
        last = np.searchsorted(known, times, side="right") - 1
        values += np.where(last >= 0, prices[np.maximum(last, 0)], 0.0) * held
    return BarEquity(times, values)


def _running(changes: Sequence[tuple[int, float]], times: NDArray[np.int64]) -> Column:
    """The sum of all changes up to each time."""
    ordered = sorted(changes)
    moments = np.array([time for time, _ in ordered], dtype=np.int64)
    sums = np.concatenate([[0.0], np.cumsum([change for _, change in ordered])])
    return sums[np.searchsorted(moments, times, side="right")]


def holding_percent(histories: Mapping[str, tuple[Decimal, Decimal]], fee: Decimal) -> Decimal:
    """What equal parts in every symbol would have brought, bought at the first price and held to the last."""
    grown = [last / (first * (1 + fee)) - 1 for first, last in histories.values()]
    return 100 * sum(grown, Decimal(0)) / len(grown)
