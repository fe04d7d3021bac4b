"""Stored candles, for warming up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms, to_ms

NEWEST = text(
    """
    SELECT time, open, high, low, close, volume, quote_asset_volume, number_of_trades,
           taker_buy_base_asset_volume, taker_buy_quote_asset_volume
    FROM market_data WHERE symbol = :symbol AND timeframe = :timeframe AND time <= :until
    ORDER BY time DESC LIMIT :count
    """
)


async def stored_candles(
    database: Database, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int
) -> list[Candle]:
    """The newest ``count`` stored candles that open no later than ``until_ms``, oldest first."""
    async with database.begin() as connection:
        rows = await connection.execute(
            NEWEST, {"symbol": symbol, "timeframe": timeframe.value, "until": from_ms(until_ms), "count": count}
        )
        return [
            Candle(
                symbol=symbol,
                timeframe=timeframe,
                time=to_ms(row.time),
                open=row.open,
                high=row.high,
                low=row.low,
                close=row.close,
                volume=row.volume,
                quote_asset_volume=row.quote_asset_volume,
                number_of_trades=row.number_of_trades,
                taker_buy_base_asset_volume=row.taker_buy_base_asset_volume,
                taker_buy_quote_asset_volume=row.taker_buy_quote_asset_volume,
            )
            for row in reversed(rows.all())
        ]


def unbroken_tail(candles: Sequence[Candle]) -> list[Candle]:
    """The longest run at the end in which each candle follows the one before it."""
    start = 0
    for index in range(1, len(candles)):
        if candles[index].time != candles[index - 1].time + candles[index].timeframe.milliseconds:
            start = index
    return list(candles[start:])
