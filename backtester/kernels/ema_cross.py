"""One strategy in one loop: exponential averages that cross, all of the money in or out, at the next open.

What a search over a simple rule costs at the least: no stops, no filters, no pockets. Compiled ahead of the first call
and kept beside this file, so that nobody waits for a compiler twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Prices = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrossResult:
    """``trades`` that were closed, ``fills``, and ``equity`` at the last close, an open position without a fee."""

    trades: int
    fills: int
    equity: float


def _run(opens: Prices, closes: Prices, fast: int, slow: int, cash: float, fee: float) -> tuple[int, int, float]:
    """Averages begin at the first close; decided from bar ``slow`` on, filled at the open of the bar after."""
    share_fast, share_slow = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    average_fast = average_slow = closes[0]
    held, trades, fills, is_in = 0.0, 0, 0, False
    last = len(closes) - 1
    for bar in range(1, last):
        close = closes[bar]
        average_fast += share_fast * (close - average_fast)
        average_slow += share_slow * (close - average_slow)
        if (average_fast > average_slow) != is_in and bar >= slow - 1:
            price = opens[bar + 1]
            if is_in:
                cash, held = held * price * (1.0 - fee), 0.0
                trades += 1
            else:
                cash, held = 0.0, cash / (price * (1.0 + fee))
            is_in = not is_in
            fills += 1
    return trades, fills, cash + held * closes[last]


# columns that nobody may write to are taken, too
_COLUMN = numba.types.Array(numba.float64, 1, "C", readonly=True)
_ARGUMENTS = (_COLUMN, _COLUMN, numba.int64, numba.int64, numba.float64, numba.float64)
_compiled = numba.njit(_ARGUMENTS, cache=True, nogil=True)(_run)


def ema_cross(
    opens: Prices, closes: Prices, *, fast: int = 12, slow: int = 26, cash: float = 1_000_000.0, fee: float = 0.001
) -> CrossResult:
    """One pair of spans over a history; ``fee`` of each side, as a share.

    Raises:
        ValueError: the columns differ in length or are empty, or a span is under 1.
    """
    if not len(opens) == len(closes) > 0:
        raise ValueError(f"{len(opens)} opens and {len(closes)} closes")
    if fast < 1 or slow < 1:
        raise ValueError(f"spans of {fast} and {slow} bars")
    return CrossResult(*_compiled(opens, closes, fast, slow, cash, fee))


def ema_crosses(
    opens: Prices,
    closes: Prices,
    spans: Sequence[tuple[int, int]],
    *,
    cash: float = 1_000_000.0,
    fee: float = 0.001,
    threads: int = 1,
) -> list[CrossResult]:
    """Many pairs of spans over one history, each (fast, slow), in their order whatever the number of threads."""

    def one(pair: tuple[int, int]) -> CrossResult:
        return ema_cross(opens, closes, fast=pair[0], slow=pair[1], cash=cash, fee=fee)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, spans))
