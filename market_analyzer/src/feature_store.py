"""Feature rows into ``analyzer_data``: the columns of the table, and whatever else is computed in ``extra``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause

from core.features.engine import FeatureRow
from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms, to_ms

KEYS = ("time", "symbol", "timeframe")
NOT_FEATURES = frozenset({*KEYS, "analysis_timestamp", "analyzer_version", "extra", "cache_hit_ratio"})
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

CANDLE = frozenset({"open_time", "open", "high", "low", "close", "volume", "quote_volume", "trades"})


class FeatureStore:
    """Upserts whole rows: a recomputed bar replaces every column of the old one."""

    def __init__(self, database: Database, columns: Sequence[str]) -> None:
        self._database = database
        self._columns = [name for name in columns if name not in NOT_FEATURES]
        self._statement = _upsert([*KEYS, *self._columns, "extra"])

    @classmethod
    async def open(cls, database: Database) -> FeatureStore:
        """Reads which columns the table has."""
        async with database.begin() as connection:
            rows = await connection.execute(
                text(
                    "SELECT column_name FROM information_schema.columns"
                    " WHERE table_name = 'analyzer_data' AND table_schema = current_schema() ORDER BY ordinal_position"
                )
            )
            return cls(database, [row.column_name for row in rows])

    async def store(
        self, rows: Sequence[tuple[CandleMessage, FeatureRow]], confirm: Callable[[], Awaitable[None]]
    ) -> None:
        """Store the features of several bars in one transaction.

        ``confirm`` is asked before the commit; it raises when another replica has the candles by now.

        Raises:
            LeaseLostError: another replica has the candles by now; nothing was stored.
        """
        async with self._database.begin() as connection:
            await connection.execute(
                self._statement, {"rows": orjson.dumps([self._record(message, row) for message, row in rows]).decode()}
            )
            # the rows are locked: whoever gets the candles from here on writes them after this
            await confirm()

    async def newest(self, symbol: str, timeframe: Timeframe) -> int | None:
        """Open time in ms of the newest bar that has features, None when there is none."""
        async with self._database.autocommit() as connection:
            found = (await connection.execute(NEWEST, {"symbol": symbol, "timeframe": timeframe.value})).scalar()
        return None if found is None else to_ms(found)

    async def outdated(self, messages: Sequence[CandleMessage]) -> list[CandleMessage]:
        """Those whose candle is newer than its features, or says that it is a correction."""
        asked = {
            "symbols": [message.symbol for message in messages],
            "timeframes": [message.timeframe.value for message in messages],
            "times": [from_ms(message.time) for message in messages],
        }
        async with self._database.autocommit() as connection:
            rows = (await connection.execute(OUTDATED, asked)).all()
        found = {(row.symbol, row.timeframe, to_ms(row.time)) for row in rows}
        return [
            message
            for message in messages
            if message.source == CORRECTION or (message.symbol, message.timeframe.value, message.time) in found
        ]

    def _record(self, message: CandleMessage, row: FeatureRow) -> dict[str, Any]:
        known = set(self._columns)
        return {name: row.get(name) for name in self._columns} | {
            "time": from_ms(message.time),
            "symbol": message.symbol,
            "timeframe": message.timeframe.value,
            "extra": {name: value for name, value in row.items() if name not in known and name not in CANDLE},
        }


def _upsert(columns: Sequence[str]) -> TextClause:
    """One statement whatever the number of rows: a process that is frozen while it sends them has locked none yet."""
    names = ", ".join(columns)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in KEYS)
    return text(
        f"INSERT INTO analyzer_data ({names})"
        f" SELECT {names} FROM jsonb_populate_recordset(CAST(NULL AS analyzer_data), CAST(:rows AS jsonb))"
        f" ON CONFLICT (symbol, timeframe, time) DO UPDATE SET {updates}, analysis_timestamp = now()"
    )
