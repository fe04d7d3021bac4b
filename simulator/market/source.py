"""What drives the market: a source of outside trades, minute by minute, and the history before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import numpy as np

from simulator.market.intervals import MINUTE_MS
from simulator.market.series import WIDTH, Rows


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of one symbol: the book moves around ``price``, then an outside taker trades ``quantity`` there.

    ``quantity`` 0 moves the book only.
    """

    time_ms: int
    symbol: str
    price: Decimal
    quantity: Decimal
    taker_buys: bool


def no_rows() -> Rows:
    """An empty run of candles."""
    return np.empty((0, WIDTH), dtype=np.int64)


@dataclass(slots=True)
class History:
    """Closed candles before the market starts: whole hours first, then minutes without a hole up to the start.

    ``trades_before`` trades are older than all of them; ``last_id`` is the id of the last trade they count, 0 while
    trades have no ids.
    """

    minutes: Rows = field(default_factory=no_rows)
    hours: Rows = field(default_factory=no_rows)
    trades_before: int = 0
    last_id: int = 0


class MarketSource(Protocol):
    """Outside participants. Minutes are asked for in order, each once."""

    steps_per_minute: int

    def history(self, symbol: str) -> History:
        """Closed candles up to the start."""
        ...

    def price(self, symbol: str) -> Decimal:
        """The price at the start."""
        ...

    def minute(self, open_ms: int) -> Sequence[Tick]:
        """Every step of the minute that opens at ``open_ms``, ordered by time."""
        ...


class StillMarket:
    """Nothing trades but what users and the control API do."""

    steps_per_minute = 1

    def __init__(self, prices: dict[str, Decimal]) -> None:
        self._prices = prices

    def history(self, symbol: str) -> History:
        return History()

    def price(self, symbol: str) -> Decimal:
        return self._prices[symbol]

    def minute(self, open_ms: int) -> Sequence[Tick]:
        return ()


def steps_for(speed: float) -> int:
    """Steps a minute candle is played in: each second in real time, fewer the faster the market runs.

    The four steps of a fast market are open, the two extremes in the order they came, and close, so candles are the
    same at every speed.
    """
    if speed <= 2:
        return 60
    return 12 if speed <= 10 else 4


def step_times(open_ms: int, steps: int, index: int, symbols: int) -> list[int]:
    """Times (ms) of a symbol's steps in a minute; symbols are spread over the first half of each step."""
    length = MINUTE_MS // steps
    shift = index * length // (2 * max(symbols, 1))
    return [open_ms + step * length + shift for step in range(steps)]


def thin(path: Sequence[int], steps: int) -> list[int]:
    """Reduce a minute's price path to ``steps`` prices that keep its open, high, low, close and the order of its
    extremes.

    Raises ValueError when ``steps`` does not divide the path or is below 4.
    """
    if steps == len(path):
        return list(path)
    if steps < 4 or len(path) % steps:
        raise ValueError(f"a path of {len(path)} cannot be thinned to {steps} steps")
    width = len(path) // steps
    prices = [path[min(index * width + width // 2, len(path) - 1)] for index in range(steps)]
    prices[0], prices[-1] = path[0], path[-1]
    high, low = max(path), min(path)
    first, second = sorted((path.index(high), path.index(low)))
    place = min(max(first // width, 1), steps - 3)
    if path[first] != path[0]:
        prices[place] = path[first]
    else:
        place = 0
    if path[second] != path[-1]:
        prices[max(min(max(second // width, 1), steps - 2), place + 1)] = path[second]
    return prices
