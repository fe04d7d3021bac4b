"""Stored features, read from ``analyzer_data`` and ``market_data``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from analyzer.src.ports import END_OF_TIME_MS
from core.features.candle_columns import CANDLE_COLUMNS, bar_of
from shared.src.database import Database
from shared.src.domain.candles import STORED_TIMEFRAMES, Candle, Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.features import BarFeatures, FeatureValue
from shared.src.sql import text

NOT_FEATURES: Final = frozenset({"time", "symbol", "timeframe", "extra", "analysis_timestamp", "analyzer_version"})
CANDLE: Final = ("open", "high", "low", "close", "volume", "quote_asset_volume", "number_of_trades")

# For each symbol and time frame the newest rows by the primary key, whatever the table's size.
TAIL = text(
    f"""
    WITH RECURSIVE known AS (
        (SELECT symbol FROM analyzer_data ORDER BY symbol LIMIT 1)
        UNION ALL
        SELECT (SELECT d.symbol FROM analyzer_data d WHERE d.symbol > known.symbol ORDER BY d.symbol LIMIT 1)
        FROM known WHERE known.symbol IS NOT NULL
    )
    SELECT a.*, {", ".join(f"m.{name}" for name in CANDLE)}
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


class PostgresStoredFeatures:
    """Implements ``StoredFeatures``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tail(self, *, count: int, before_ms: int = END_OF_TIME_MS) -> Sequence[BarFeatures]:
        asked = {
            "timeframes": [timeframe.value for timeframe in STORED_TIMEFRAMES],
            # a bar closes one millisecond before the next one opens
            "before": [from_ms(before_ms - timeframe.milliseconds + 1) for timeframe in STORED_TIMEFRAMES],
            "count": count,
        }
        async with self._database.begin() as connection:
            rows = (await connection.execute(TAIL, asked)).mappings().all()
        return [_features(dict(row)) for row in rows]


def _features(row: dict[str, Any]) -> BarFeatures:
    symbol, timeframe, time_ms = row["symbol"], Timeframe(row["timeframe"]), to_ms(row["time"])
    numbers = bar_of(Candle(symbol, timeframe, time_ms, **{name: row.pop(name) for name in CANDLE}))
    candle = {name: number if number == number else None for name, number in zip(CANDLE_COLUMNS, numbers, strict=True)}
    values: dict[str, FeatureValue] = {name: value for name, value in row.items() if name not in NOT_FEATURES}
    return BarFeatures(symbol, timeframe, time_ms, values | candle | dict(row["extra"]))
