"""Feature rows into ``analyzer_data``: the columns of the table, and whatever else is computed in ``extra``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from core.features.candle_columns import CANDLE_COLUMNS
from market_analyzer.src.ports import Confirm, Place
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.features import BarFeatures
from shared.src.sql import Statement, text

KEYS: Final = ("time", "symbol", "timeframe")
NOT_FEATURES: Final = frozenset({*KEYS, "analysis_timestamp", "analyzer_version", "extra", "cache_hit_ratio"})
COLUMNS = text(
    "SELECT column_name FROM information_schema.columns"
    " WHERE table_name = 'analyzer_data' AND table_schema = current_schema() ORDER BY ordinal_position"
)
NEWEST = text(
    "SELECT time FROM analyzer_data WHERE symbol = :symbol AND timeframe = :timeframe ORDER BY time DESC LIMIT 1"
)
# Both times are the database's own: a candle row changes its time only together with its values.
OUTDATED = text(
    """
    SELECT m.symbol, m.timeframe, m.time
    FROM unnest(CAST(:symbols AS text[]), CAST(:timeframes AS text[]), CAST(:times AS timestamptz[]))
         AS asked (symbol, timeframe, time)
    JOIN market_data m ON (m.symbol, m.timeframe, m.time) = (asked.symbol, asked.timeframe, asked.time)
    LEFT JOIN analyzer_data a ON (a.symbol, a.timeframe, a.time) = (asked.symbol, asked.timeframe, asked.time)
    WHERE a.time IS NULL OR m.updated_at > a.analysis_timestamp
    """
)


class PostgresFeatureStore:
    """Implements ``FeatureStore``; owns ``analyzer_data``."""

    def __init__(self, database: Database, columns: Sequence[str]) -> None:
        self._database = database
        self._columns = [name for name in columns if name not in NOT_FEATURES]
        # the candle is in market_data, and what has no column is in extra
        self._not_extra = frozenset({*self._columns, *CANDLE_COLUMNS})
        self._statement = _upsert([*KEYS, *self._columns, "extra"])

    @classmethod
    async def open(cls, database: Database) -> PostgresFeatureStore:
        """Reads which columns the table has."""
        async with database.begin() as connection:
            return cls(database, [row.column_name for row in await connection.execute(COLUMNS)])

    async def store(self, rows: Sequence[BarFeatures], confirm: Confirm) -> None:
        records = orjson.dumps([self._record(row) for row in rows]).decode()
        async with self._database.begin() as connection:
            await connection.execute(self._statement, {"rows": records})
            # the rows are locked: whoever gets the candles from here on writes them after this
            await confirm()

    async def newest(self, symbol: str, timeframe: Timeframe) -> int | None:
        async with self._database.autocommit() as connection:
            found = (await connection.execute(NEWEST, {"symbol": symbol, "timeframe": timeframe.value})).scalar()
        return None if found is None else to_ms(found)

    async def outdated(self, places: Sequence[Place]) -> set[Place]:
        asked = {
            "symbols": [symbol for symbol, _, _ in places],
            "timeframes": [timeframe.value for _, timeframe, _ in places],
            "times": [from_ms(time_ms) for _, _, time_ms in places],
        }
        async with self._database.autocommit() as connection:
            rows = (await connection.execute(OUTDATED, asked)).all()
        return {(row.symbol, Timeframe(row.timeframe), to_ms(row.time)) for row in rows}

    def _record(self, row: BarFeatures) -> dict[str, Any]:
        return {name: row.values.get(name) for name in self._columns} | {
            "time": from_ms(row.time),
            "symbol": row.symbol,
            "timeframe": row.timeframe.value,
            "extra": {name: value for name, value in row.values.items() if name not in self._not_extra},
        }


def _upsert(columns: Sequence[str]) -> Statement:
    """One statement whatever the number of rows: a process that is frozen while it sends them has locked none yet."""
    names = ", ".join(columns)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in KEYS)
    return text(
        f"INSERT INTO analyzer_data ({names})"
        f" SELECT {names} FROM jsonb_populate_recordset(CAST(NULL AS analyzer_data), CAST(:rows AS jsonb))"
        f" ON CONFLICT (symbol, timeframe, time) DO UPDATE SET {updates}, analysis_timestamp = now()"
    )
