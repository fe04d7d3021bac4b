"""Candles and time frames. 1m is the root; every other frame is built from closed 1m candles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

MINUTE_MS = 60_000
DAY_MS = 1_440 * MINUTE_MS
# The first Monday after the epoch, which was a Thursday
MONDAY_MS = 4 * DAY_MS


class Timeframe(StrEnum):
    """The intervals of Binance's candles. The platform stores ``STORED_TIMEFRAMES``; files may have any."""

    S1 = "1s"
    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    D3 = "3d"
    W1 = "1w"
    MO1 = "1M"

    @property
    def milliseconds(self) -> int:
        """How long it is; of a month, the longest one."""
        return _MILLISECONDS[self]

    def open_of(self, time_ms: int) -> int:
        """Open time of the interval that holds ``time_ms``: weeks begin on Monday, months on their first day, the
        others align with the epoch."""
        if self is Timeframe.MO1:
            first = datetime.fromtimestamp(time_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
            return int(first.timestamp()) * 1000
        anchor = MONDAY_MS if self is Timeframe.W1 else 0
        return time_ms - (time_ms - anchor) % self.milliseconds

    def next_open(self, open_ms: int) -> int:
        """When the interval after the one that opens at ``open_ms`` opens."""
        after = open_ms + self.milliseconds
        return self.open_of(after) if self is Timeframe.MO1 else after


_MILLISECONDS = {
    Timeframe.S1: 1_000,
    Timeframe.M1: MINUTE_MS,
    Timeframe.M3: 3 * MINUTE_MS,
    Timeframe.M5: 5 * MINUTE_MS,
    Timeframe.M15: 15 * MINUTE_MS,
    Timeframe.M30: 30 * MINUTE_MS,
    Timeframe.H1: 60 * MINUTE_MS,
    Timeframe.H2: 120 * MINUTE_MS,
    Timeframe.H4: 240 * MINUTE_MS,
    Timeframe.H6: 360 * MINUTE_MS,
    Timeframe.H8: 480 * MINUTE_MS,
    Timeframe.H12: 720 * MINUTE_MS,
    Timeframe.D1: DAY_MS,
    Timeframe.D3: 3 * DAY_MS,
    Timeframe.W1: 7 * DAY_MS,
    Timeframe.MO1: 31 * DAY_MS,
}
# What the platform builds, stores and decides on.
STORED_TIMEFRAMES = (
    Timeframe.M1,
    Timeframe.M3,
    Timeframe.M5,
    Timeframe.M15,
    Timeframe.H1,
    Timeframe.H4,
    Timeframe.D1,
)


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
        return self.timeframe.next_open(self.time) - 1


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
