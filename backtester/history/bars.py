"""Closed candles of one symbol as columns: what history is kept and computed in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.src.domain.candles import Candle, Timeframe
from shared.src.market.recorded_history import RecordedHistory

AMOUNTS = (
    *("open", "high", "low", "close", "volume", "quote_asset_volume"),
    *("taker_buy_base_asset_volume", "taker_buy_quote_asset_volume"),
)
COUNTS = ("time", "number_of_trades")
COLUMNS = (*COUNTS, *AMOUNTS)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Columns of equal length, in order of ``time`` (opens, ms UTC), each bar once.

    Prices are in quote units; the fields are those of ``Candle``. A float64 tells 15 digits apart: Binance's prices
    and all but the largest of its volumes come back as they were written.
    """

    symbol: str
    timeframe: Timeframe
    time: NDArray[np.int64]
    number_of_trades: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    quote_asset_volume: NDArray[np.float64]
    taker_buy_base_asset_volume: NDArray[np.float64]
    taker_buy_quote_asset_volume: NDArray[np.float64]

    @classmethod
    def of(cls, history: RecordedHistory) -> Self:
        return cls.of_candles(history.symbol, history.timeframe, history.candles)

    @classmethod
    def of_candles(cls, symbol: str, timeframe: Timeframe, candles: Sequence[Candle]) -> Self:
        """Candles in order, each once."""
        columns: dict[str, Any] = {
            name: np.array([getattr(candle, name) for candle in candles], np.int64 if name in COUNTS else np.float64)
            for name in COLUMNS
        }
        return cls(symbol, timeframe, **columns)

    @classmethod
    def joined(cls, parts: Sequence[Bars]) -> Self:
        """Parts of one symbol and time frame, one behind the other."""
        first = parts[0]
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
        return cls(first.symbol, first.timeframe, **columns)

    def __len__(self) -> int:
        return len(self.time)

    def taken(self, places: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Bars:
        """The bars at these places."""
        columns = {name: getattr(self, name)[places] for name in COLUMNS}
        return Bars(self.symbol, self.timeframe, **columns)

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """The bars that open from ``start_ms`` up to and excluding ``end_ms``."""
        start, end = np.searchsorted(self.time, [start_ms, end_ms])
        return self.taken(slice(int(start), int(end)))

    def candles(self) -> Iterator[Candle]:
        """The same as values of the platform, prices as the shortest decimals that mean them."""
        columns = [getattr(self, name).tolist() for name in COLUMNS]
        for time_ms, trades, *amounts in zip(*columns, strict=True):
            named: dict[str, Any] = dict(zip(AMOUNTS, (Decimal(repr(amount)) for amount in amounts), strict=True))
            yield Candle(symbol=self.symbol, timeframe=self.timeframe, time=time_ms, number_of_trades=trades, **named)

    def sha256(self) -> str:
        """What the bars are, whatever file they came from: the same bars, the same hash."""
        digest = hashlib.sha256(f"{self.symbol} {self.timeframe}".encode())
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(getattr(self, name)).astype(_LITTLE_ENDIAN[name], copy=False).tobytes())
        return digest.hexdigest()


_LITTLE_ENDIAN = dict.fromkeys(COUNTS, "<i8") | dict.fromkeys(AMOUNTS, "<f8")
