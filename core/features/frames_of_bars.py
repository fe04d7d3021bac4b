"""The higher candles of a history as columns, built from its bars at once.

The numbers are those of ``shared.src.domain.candles.merge``, to the bit: amounts are added as integers on the grid they
were recorded on, so the sum is the one that ``Decimal`` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.features.candle_columns import columns_of
from core.market.series import above
from core.rules.frames import NAN, Column
from shared.src.domain.candles import Candle, Timeframe

Integers = NDArray[np.int64]
# integers up to here are floats without a rest, and what is divided by a power of ten is rounded once
EXACT_MAX = 1 << 53
INTEGER_MAX = 1 << 63
DECIMALS_MAX = 22


class RecordedAmounts:
    """Amounts of bars as integers of one grid, so that sums are exact."""

    def __init__(self, amounts: Sequence[Decimal]) -> None:
        decimals = max((-int(amount.as_tuple().exponent) for amount in amounts), default=0)
        self._decimals = max(0, decimals)
        scaled = [int(amount.scaleb(self._decimals)) for amount in amounts]
        self._scaled = np.array(scaled, dtype=np.int64 if sum(scaled) < INTEGER_MAX else object)

    def sums(self, begins: Integers) -> Column:
        """The sum of each group of bars, as the float nearest to it."""
        totals = np.add.reduceat(self._scaled, begins)
        is_exact = totals < EXACT_MAX
        if self._decimals <= DECIMALS_MAX and is_exact.all():
            return totals.astype(np.float64) / 10.0**self._decimals
        return np.array([float(Decimal(int(total)).scaleb(-self._decimals)) for total in totals.tolist()])


class BarTable:
    """The bars of one symbol and time frame as columns, and the higher candles that whole ones of them make up."""

    def __init__(self, base: Timeframe, candles: Sequence[Candle]) -> None:
        """``candles`` are in order, differ, and are at least one."""
        self._base = base
        self._columns = columns_of(candles)
        self._volumes = RecordedAmounts([candle.volume for candle in candles])
        self._quotes = RecordedAmounts([candle.quote_asset_volume for candle in candles])
        self._trades = np.array([candle.number_of_trades for candle in candles], dtype=np.int64)

    def columns(self, timeframe: Timeframe) -> dict[str, Column]:
        """The candles of a time frame as ``candle_columns`` has them; none where no whole one is there."""
        if timeframe is self._base:
            return self._columns
        if timeframe not in above(self._base):
            return {name: column[:0] for name, column in self._columns.items()}
        columns, volume = self._columns, self._columns["volume"]
        starts = columns["time"] // timeframe.milliseconds
        begins = np.flatnonzero(np.append(True, starts[1:] != starts[:-1]))
        ends = np.append(begins[1:], len(starts))
        # a candle without trades only repeats the price before it
        traded = volume > 0
        any_traded = np.logical_or.reduceat(traded, begins)
        moved = traded | ~np.repeat(any_traded, ends - begins)
        places = np.where(moved, np.arange(len(starts)), len(starts))
        sums = self._volumes.sums(begins)
        quotes, trades = self._quotes.sums(begins), np.add.reduceat(self._trades, begins)
        table = {
            "time": starts[begins] * timeframe.milliseconds,
            "open": columns["open"][np.minimum.reduceat(places, begins)],
            "high": np.maximum.reduceat(np.where(moved, columns["high"], -np.inf), begins),
            "low": np.minimum.reduceat(np.where(moved, columns["low"], np.inf), begins),
            "close": columns["close"][ends - 1],
            "volume": sums,
            "quote_asset_volume": np.where((quotes > 0) | (sums == 0), quotes, NAN),
            "number_of_trades": np.where((trades > 0) | (sums == 0), trades.astype(np.float64), NAN),
        }
        whole = ends - begins == timeframe.milliseconds // self._base.milliseconds
        return {name: np.ascontiguousarray(column[whole]) for name, column in table.items()}
