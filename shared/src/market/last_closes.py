"""The last price of a symbol as far as closed candles know it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from shared.src.database import Database
from shared.src.sql import text

_CLOSES = text("""
SELECT wanted.symbol, last.close
FROM unnest(CAST(:symbols AS varchar[])) AS wanted (symbol)
CROSS JOIN LATERAL (
    SELECT close FROM market_data
    WHERE market_data.symbol = wanted.symbol AND timeframe = '1m' ORDER BY time DESC LIMIT 1
) last
""")

_CLOSES_AT = text("""
SELECT wanted.symbol, last.close
FROM unnest(CAST(:symbols AS varchar[])) AS wanted (symbol)
CROSS JOIN LATERAL (
    SELECT close FROM market_data
    WHERE market_data.symbol = wanted.symbol AND timeframe = '1m'
      AND time < :moment AND time >= CAST(:moment AS timestamptz) - INTERVAL '1 hour' ORDER BY time DESC LIMIT 1
) last
""")


async def last_closes(database: Database, symbols: Sequence[str]) -> dict[str, Decimal]:
    """The close of the last stored minute, by symbol; symbols without a candle are left out.

    Raises:
        TransientError: the database is away.
    """
    if not symbols:
        return {}
    async with database.autocommit() as connection:
        rows = await connection.execute(_CLOSES, {"symbols": list(symbols)})
        return {row.symbol: row.close for row in rows}


async def closes_at(database: Database, symbols: Sequence[str], moment: datetime) -> dict[str, Decimal]:
    """The close of the last minute that began before ``moment``, at most an hour old, by symbol; others are left out.

    Raises:
        TransientError: the database is away.
    """
    async with database.autocommit() as connection:
        rows = await connection.execute(_CLOSES_AT, {"symbols": list(symbols), "moment": moment})
        return {row.symbol: row.close for row in rows}
