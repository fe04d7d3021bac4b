"""Candles and dead letters into PostgreSQL, in batches, as often as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.src.contracts.market import CandleMessage
from shared.src.database import Database
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import TransientError

COLUMNS = (
    "time, symbol, timeframe, open, high, low, close, volume, quote_asset_volume, number_of_trades,"
    " taker_buy_base_asset_volume, taker_buy_quote_asset_volume, source"
)
STAGING = f"""
CREATE TEMP TABLE IF NOT EXISTS staged_candles ON COMMIT DELETE ROWS AS SELECT {COLUMNS} FROM market_data LIMIT 0
"""
VALUES = (
    "open, high, low, close, volume, quote_asset_volume, number_of_trades, taker_buy_base_asset_volume,"
    " taker_buy_quote_asset_volume"
)
UPSERT = f"""
INSERT INTO market_data ({COLUMNS}) SELECT {COLUMNS} FROM staged_candles
ON CONFLICT (symbol, timeframe, time) DO UPDATE SET
    open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume,
    quote_asset_volume = EXCLUDED.quote_asset_volume, number_of_trades = EXCLUDED.number_of_trades,
    taker_buy_base_asset_volume = EXCLUDED.taker_buy_base_asset_volume,
    taker_buy_quote_asset_volume = EXCLUDED.taker_buy_quote_asset_volume,
    source = EXCLUDED.source, updated_at = now()
WHERE ({", ".join(f"market_data.{name.strip()}" for name in VALUES.split(","))})
    IS DISTINCT FROM ({", ".join(f"EXCLUDED.{name.strip()}" for name in VALUES.split(","))})
"""


class CandlePersister:
    """COPY into a staging table, then one upsert: a repeated or corrected candle replaces the row."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows = 0

    async def store(self, candles: Sequence[CandleMessage]) -> None:
        """Store closed candles in one transaction; of two with the same key the later one counts.

        Raises:
            TransientError: the database is away; nothing was stored.
        """
        if not candles:
            return
        latest = {(candle.symbol, candle.timeframe, candle.time): candle for candle in candles}
        async with self._database.begin() as connection:
            await connection.execute(text(STAGING))
            await _copy(connection, list(latest.values()))
            await connection.execute(text(UPSERT))
        self.rows += len(latest)


async def _copy(connection: AsyncConnection, candles: Sequence[CandleMessage]) -> None:
    raw: Any = (await connection.get_raw_connection()).driver_connection
    try:
        async with raw.cursor().copy(f"COPY staged_candles ({COLUMNS}) FROM STDIN") as copy:
            for candle in candles:
                assert candle.is_closed, "a candle that still moves is never stored"
                await copy.write_row(
                    (
                        from_ms(candle.time),
                        candle.symbol,
                        candle.timeframe.value,
                        candle.open,
                        candle.high,
                        candle.low,
                        candle.close,
                        candle.volume,
                        candle.quote_asset_volume,
                        candle.number_of_trades,
                        candle.taker_buy_base_asset_volume,
                        candle.taker_buy_quote_asset_volume,
                        candle.source,
                    )
                )
    except psycopg.OperationalError as error:
        raise TransientError(f"database: {error}") from error


class DeadLetterPersister:
    """Keeps every dead letter once, by its fingerprint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, letter: dict[str, Any]) -> bool:
        """Keep a letter; False when it is kept already."""
        async with self._database.begin() as connection:
            result = await connection.execute(
                text(
                    "INSERT INTO dead_letters (source, consumer, reason, payload, fingerprint)"
                    " VALUES (:source, :consumer, :reason, :payload, :fingerprint) ON CONFLICT (fingerprint) DO NOTHING"
                ),
                letter,
            )
            return result.rowcount > 0

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        async with self._database.begin() as connection:
            rows = await connection.execute(
                text(
                    "SELECT id, source, consumer, reason, payload, occurred_at, replayed_at FROM dead_letters"
                    " ORDER BY id DESC LIMIT :limit"
                ),
                {"limit": limit},
            )
            return [dict(row) for row in rows.mappings()]

    async def take_for_replay(self, letter_id: int) -> tuple[str, str] | None:
        """Mark a letter as replayed; answers (topic, payload), or None when there is none of that id."""
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    text("UPDATE dead_letters SET replayed_at = now() WHERE id = :id RETURNING source, payload"),
                    {"id": letter_id},
                )
            ).one_or_none()
            return (row.source, row.payload) if row else None
