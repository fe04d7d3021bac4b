"""The last price of a symbol as far as closed candles know it."""

from __future__ import annotations

from collections.abc import Sequence
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
