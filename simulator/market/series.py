"""Closed candles of one symbol as columns of scaled integers, and their exact aggregation.

Prices and quote amounts are integers in units of 1e-8, base amounts in units of 10**-decimals of the symbol's step:
sums are exact, and a row costs 96 bytes. Rows are consecutive, oldest first, one per minute (or hour) without holes.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

OPEN_MS, OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE, COUNT, TAKER_BASE, TAKER_QUOTE, FIRST_ID, LAST_ID = range(12)
WIDTH = 12
PRICE_SCALE = 10**8
NO_ID = -1


def fixed(value: int, decimals: int = 8) -> str:
    """Write a scaled integer as Binance does, with eight decimals."""
    value *= 10 ** (8 - decimals)
    digits = str(value).rjust(9, "0")
    return f"{digits[:-8]}.{digits[-8:]}"


def scaled(value: Decimal, decimals: int = 8) -> int:
    """Turn a decimal into a scaled integer; digits beyond ``decimals`` would be a broken filter, so they are cut."""
    return int(value.scaleb(decimals))


@dataclass(slots=True)
class Bar:
    """One candle under construction. Units as in the module docstring; ids are -1 while nothing traded."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    count: int = 0
    taker_base: int = 0
    taker_quote: int = 0
    first_id: int = NO_ID
    last_id: int = NO_ID

    @classmethod
    def flat(cls, open_ms: int, price: int) -> "Bar":
        return cls(open_ms, price, price, price, price)

    def add(self, *, price: int, quantity: int, quote: int, taker_buys: bool, trade_id: int) -> None:
        """Count one trade in. The first trade of a candle sets its open, high and low."""
        if self.count == 0:
            self.open = self.high = self.low = price
            self.first_id = trade_id
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += quantity
        self.quote += quote
        self.count += 1
        self.last_id = trade_id
        if taker_buys:
            self.taker_base += quantity
            self.taker_quote += quote

    def row(self) -> tuple[int, ...]:
        return (
            self.open_ms,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.quote,
            self.count,
            self.taker_base,
            self.taker_quote,
            self.first_id,
            self.last_id,
        )


def merge(rows: Rows, borders: NDArray[np.int64]) -> Rows:
    """Aggregate rows into groups that begin at the indices ``borders`` (ascending, first is 0).

    A group's open and high/low leave out minutes without trades, as Binance's own higher candles do,
    unless the whole group had none.
    """
    if not len(rows):
        return rows
    out = np.empty((len(borders), WIDTH), dtype=np.int64)
    last = np.append(borders[1:], len(rows)) - 1
    # recorded minutes may tell their volume and not their trades
    traded = (rows[:, COUNT] > 0) | (rows[:, VOLUME] > 0)
    groups_traded = np.logical_or.reduceat(traded, borders)
    first_traded = np.where(traded, np.arange(len(rows)), len(rows))
    first = np.minimum.reduceat(first_traded, borders)
    first = np.where(groups_traded, first, borders)
    high = np.where(traded, rows[:, HIGH], np.iinfo(np.int64).min)
    low = np.where(traded, rows[:, LOW], np.iinfo(np.int64).max)
    out[:, OPEN_MS] = rows[borders, OPEN_MS]
    out[:, OPEN] = rows[first, OPEN]
    out[:, HIGH] = np.where(groups_traded, np.maximum.reduceat(high, borders), rows[borders, HIGH])
    out[:, LOW] = np.where(groups_traded, np.minimum.reduceat(low, borders), rows[borders, LOW])
    out[:, CLOSE] = rows[last, CLOSE]
    for column in (VOLUME, QUOTE, COUNT, TAKER_BASE, TAKER_QUOTE):
        out[:, column] = np.add.reduceat(rows[:, column], borders)
    out[:, LAST_ID] = np.maximum.reduceat(rows[:, LAST_ID], borders)
    out[:, FIRST_ID] = rows[first, FIRST_ID]
    return out


class Series:
    """A bounded run of closed candles; the oldest fifth leaves when it is full."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: Rows = np.empty((min(256, capacity), WIDTH), dtype=np.int64)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> Rows:
        """A view of all rows, valid until the next change."""
        return self._rows[: self._length]

    def append(self, bar: Bar) -> Rows | None:
        """Add a closed candle; returns the rows that had to leave, oldest first, when the series was full."""
        return self.extend(np.array([bar.row()], dtype=np.int64))

    def extend(self, rows: Rows) -> Rows | None:
        """Add closed candles; returns the rows that had to leave, oldest first, or None."""
        evicted: Rows | None = None
        needed = self._length + len(rows)
        if needed > self._capacity:
            drop = min(needed, max(needed - self._capacity, self._capacity // 5))
            everything = np.concatenate([self.rows, rows])
            evicted = everything[:drop]
            rows = everything[drop:]
            self._length = 0
            needed = len(rows)
        if needed > len(self._rows):
            size = min(self._capacity, max(needed, 2 * len(self._rows)))
            grown = np.empty((size, WIDTH), dtype=np.int64)
            grown[: self._length] = self.rows
            self._rows = grown
        self._rows[self._length : needed] = rows
        self._length = needed
        return evicted
