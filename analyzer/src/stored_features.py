"""The feature rows that a restarted analyzer needs before its strategies can look back."""

from __future__ import annotations

from sqlalchemy import text

from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.features import BarFeatures

KEYS = frozenset({"time", "symbol", "timeframe", "extra", "analysis_timestamp", "analyzer_version"})

# For each symbol and time frame the newest rows by the primary key, whatever the table's size.
NEWEST = text(
    """
    WITH RECURSIVE known AS (
        (SELECT symbol FROM analyzer_data ORDER BY symbol LIMIT 1)
        UNION ALL
        SELECT (SELECT d.symbol FROM analyzer_data d WHERE d.symbol > known.symbol ORDER BY d.symbol LIMIT 1)
        FROM known WHERE known.symbol IS NOT NULL
    )
    SELECT a.*, m.open, m.high, m.low, m.close, m.volume
    FROM known
    CROSS JOIN unnest(CAST(:timeframes AS text[]), CAST(:before AS timestamptz[])) AS frame (timeframe, before)
    CROSS JOIN LATERAL (
        SELECT * FROM analyzer_data d
        WHERE d.symbol = known.symbol AND d.timeframe = frame.timeframe AND d.time < frame.before
        ORDER BY d.time DESC LIMIT :count
    ) AS a
    JOIN market_data m ON (m.symbol, m.timeframe, m.time) = (a.symbol, a.timeframe, a.time)
    ORDER BY a.time
    """
)
CANDLE = ("open", "high", "low", "close", "volume")
END_OF_TIME_MS = 4_102_444_800_000


async def stored_features(database: Database, *, count: int, before_ms: int | None = None) -> list[BarFeatures]:
    """The newest ``count`` rows of each symbol and time frame, oldest first.

    With ``before_ms``, of those that closed before it.
    """
    until = END_OF_TIME_MS if before_ms is None else before_ms
    asked = {
        "timeframes": [timeframe.value for timeframe in Timeframe],
        # a bar closes one millisecond before the next one opens
        "before": [from_ms(until - timeframe.milliseconds + 1) for timeframe in Timeframe],
        "count": count,
    }
    async with database.begin() as connection:
        rows = (await connection.execute(NEWEST, asked)).mappings().all()
    found = []
    for row in rows:
        values = {name: value for name, value in row.items() if name not in KEYS}
        values |= {name: float(row[name]) for name in CANDLE}
        values |= dict(row["extra"])
        found.append(BarFeatures(row["symbol"], Timeframe(row["timeframe"]), to_ms(row["time"]), values))
    return found
