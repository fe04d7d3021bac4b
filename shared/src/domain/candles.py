"""Candles and time frames. 1m is the root; every other frame is built from closed 1m candles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

MINUTE_MS = 60_000


class Timeframe(StrEnum):
    """The intervals the platform stores, as Binance names them."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def milliseconds(self) -> int:
        return _MINUTES[self] * MINUTE_MS

    def open_of(self, time_ms: int) -> int:
        """Open time of the interval that holds ``time_ms`` (all these intervals align with the epoch)."""
        return time_ms - time_ms % self.milliseconds


_MINUTES = {
    Timeframe.M1: 1,
    Timeframe.M3: 3,
    Timeframe.M5: 5,
    Timeframe.M15: 15,
    Timeframe.H1: 60,
    Timeframe.H4: 240,
    Timeframe.D1: 1440,
}


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed or forming interval. Prices in the quote asset, ``volume`` in the base asset, times in ms UTC."""

    symbol: str
    timeframe: Timeframe
    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_asset_volume: Decimal = Decimal(0)
    number_of_trades: int = 0
    taker_buy_base_asset_volume: Decimal = Decimal(0)
    taker_buy_quote_asset_volume: Decimal = Decimal(0)
    is_closed: bool = True

    @property
    def close_time(self) -> int:
        """Binance's close time: the last millisecond of the interval."""
        return self.time + self.timeframe.milliseconds - 1


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles from ``start_ms`` (open time) up to and excluding ``end_ms`` are missing."""

    start_ms: int
    end_ms: int


def merge(candles: Sequence[Candle], timeframe: Timeframe) -> Candle:
    """Build one higher candle from its complete, ordered 1m candles.

    Raises:
        ValueError: the candles are not exactly the minutes of one ``timeframe`` interval.
    """
    first = candles[0]
    expected = timeframe.milliseconds // first.timeframe.milliseconds
    opens = [candle.time for candle in candles]
    start = timeframe.open_of(first.time)
    if opens != [start + index * first.timeframe.milliseconds for index in range(expected)]:
        raise ValueError(f"{first.symbol}: {len(candles)} candles do not make one {timeframe}")
    return joined(candles, timeframe, is_closed=True)


def joined(candles: Sequence[Candle], timeframe: Timeframe, *, is_closed: bool) -> Candle:
    """One candle of the ordered candles of one ``timeframe`` interval.

    One without trades only repeats the price before it: it opens nothing and is no high or low, unless no other has
    trades either. Binance's own higher candles open with their first trade.
    """
    moved = [candle for candle in candles if candle.volume] or candles
    return Candle(
        symbol=moved[0].symbol,
        timeframe=timeframe,
        time=timeframe.open_of(candles[0].time),
        open=moved[0].open,
        high=max(candle.high for candle in moved),
        low=min(candle.low for candle in moved),
        close=candles[-1].close,
        volume=sum((candle.volume for candle in candles), Decimal(0)),
        quote_asset_volume=sum((candle.quote_asset_volume for candle in candles), Decimal(0)),
        number_of_trades=sum(candle.number_of_trades for candle in candles),
        taker_buy_base_asset_volume=sum((candle.taker_buy_base_asset_volume for candle in candles), Decimal(0)),
        taker_buy_quote_asset_volume=sum((candle.taker_buy_quote_asset_volume for candle in candles), Decimal(0)),
        is_closed=is_closed,
    )
