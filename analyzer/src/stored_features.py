"""The feature rows that a restarted analyzer needs before its strategies can look back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import text

from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import to_ms

KEYS = frozenset({"time", "symbol", "timeframe", "extra", "analysis_timestamp", "analyzer_version", "place"})

NEWEST = text(
    """
    SELECT * FROM (
        SELECT a.*, m.open, m.high, m.low, m.close, m.volume,
               row_number() OVER (PARTITION BY a.symbol, a.timeframe ORDER BY a.time DESC) AS place
        FROM analyzer_data a JOIN market_data m USING (symbol, timeframe, time)
        WHERE a.symbol = ANY(:symbols)
    ) AS rows WHERE place <= :count ORDER BY time
    """
)
CANDLE = ("open", "high", "low", "close", "volume")


async def stored_features(
    database: Database, symbols: Sequence[str], *, count: int
) -> AsyncIterator[tuple[str, Timeframe, int, dict[str, Any]]]:
    """The newest ``count`` rows of each symbol and time frame, oldest first: symbol, frame, open time in ms, values."""
    async with database.begin() as connection:
        rows = (await connection.execute(NEWEST, {"symbols": list(symbols), "count": count})).mappings().all()
    for row in rows:
        values = {name: value for name, value in row.items() if name not in KEYS}
        values |= {name: float(row[name]) for name in CANDLE}
        yield row["symbol"], Timeframe(row["timeframe"]), to_ms(row["time"]), values | dict(row["extra"])
