"""What the same turnover would have brought at random: as many entries, as long, as large, at other times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtester.results import BacktestTrade
from core.rules.frames import Column
from shared.src.market.recorded_history import RecordedHistory

DRAWS = 1_000
TRADES_MIN = 10


@dataclass(frozen=True, slots=True)
class RandomEntries:
    """``p_value``: how often they did as well or better; ``mean_net`` in quote units."""

    p_value: float
    mean_net: float


def random_entries(
    histories: Sequence[RecordedHistory], trades: Sequence[BacktestTrade], *, fee: float, seed: int = 7
) -> RandomEntries | None:
    """Against entries at random opens of the same symbols, held and sized like the trades; None with fewer than ten.

    ``fee``: of each side, as a share.
    """
    if len(trades) < TRADES_MIN:
        return None
    random = np.random.Generator(np.random.PCG64(seed))
    nets = np.zeros(DRAWS)
    for history in histories:
        own = [trade for trade in trades if trade.symbol == history.symbol]
        if own:
            nets += _nets(history, own, fee, random)
    made = float(sum(trade.profit_loss for trade in trades))
    return RandomEntries((1 + int(np.count_nonzero(nets >= made))) / (DRAWS + 1), float(nets.mean()))


def _nets(history: RecordedHistory, trades: Sequence[BacktestTrade], fee: float, random: np.random.Generator) -> Column:
    """What each draw brings in one symbol."""
    opens = np.array([float(candle.open) for candle in history.candles])
    times = np.array([candle.time for candle in history.candles], dtype=np.int64)
    nets = np.zeros(DRAWS)
    for trade in trades:
        bars = _bars_held(times, trade)
        last = len(opens) - bars
        if last < 1:
            continue
        begins = random.integers(0, last, size=DRAWS)
        worth = float(trade.entry_price * trade.quantity)
        nets += worth * (opens[begins + bars] / opens[begins] * (1.0 - fee) ** 2 - 1.0)
    return nets


def _bars_held(times: NDArray[np.int64], trade: BacktestTrade) -> int:
    opened, closed = np.searchsorted(times, [trade.opened_ms, trade.closed_ms])
    return max(1, min(int(closed - opened), len(times) - 1))
