"""Stored candles, read from ``market_data``."""

from __future__ import annotations

from typing import Any

from shared.src.database import Database
from shared.src.domain.candles import MINUTE_MS, STORED_TIMEFRAMES, Candle, Gap, Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.market.ports import HOLES_MAX
from shared.src.sql import text

CANDLES = text(
    """
    SELECT time, open, high, low, close, volume, quote_asset_volume, number_of_trades,
           taker_buy_base_asset_volume, taker_buy_quote_asset_volume
    FROM market_data WHERE symbol = :symbol AND timeframe = :timeframe AND time <= :until
    ORDER BY time DESC LIMIT :count
    """
)
NEWEST = text(
    """
    SELECT timeframe, newest.time FROM unnest(CAST(:timeframes AS text[])) AS wanted (timeframe), LATERAL (
        SELECT time FROM market_data WHERE symbol = :symbol AND market_data.timeframe = wanted.timeframe
        ORDER BY time DESC LIMIT 1
    ) AS newest
    """
)
HOLES = text(
    f"""
    SELECT symbol, time, following FROM (
        SELECT symbol, time, lead(time) OVER (PARTITION BY symbol ORDER BY time) AS following
        FROM market_data WHERE timeframe = '1m' AND time >= :since
    ) AS pairs WHERE following > time + INTERVAL '1 minute' ORDER BY symbol, time LIMIT {HOLES_MAX}
    """
)


class PostgresCandleHistory:
    """Implements ``CandleHistory``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def candles(self, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int) -> list[Candle]:
        asked = {"symbol": symbol, "timeframe": timeframe.value, "until": from_ms(until_ms), "count": count}
        async with self._database.begin() as connection:
            rows = (await connection.execute(CANDLES, asked)).all()
        return [_candle(symbol, timeframe, row) for row in reversed(rows)]

    async def newest(self, symbol: str) -> dict[Timeframe, int]:
        asked = {"symbol": symbol, "timeframes": [frame.value for frame in STORED_TIMEFRAMES]}
        async with self._database.begin() as connection:
            return {Timeframe(row.timeframe): to_ms(row.time) for row in await connection.execute(NEWEST, asked)}

    async def holes(self, *, since_ms: int) -> dict[str, list[Gap]]:
        found: dict[str, list[Gap]] = {}
        async with self._database.begin() as connection:
            for row in await connection.execute(HOLES, {"since": from_ms(since_ms)}):
                found.setdefault(row.symbol, []).append(Gap(to_ms(row.time) + MINUTE_MS, to_ms(row.following)))
        return found


def _candle(symbol: str, timeframe: Timeframe, row: Any) -> Candle:
    return Candle(
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
