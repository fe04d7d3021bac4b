"""Closed candles into ``market_data``, in batches, as often as they come."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.database import Database
from shared.src.sql import text

AMOUNTS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_asset_volume",
    "taker_buy_base_asset_volume",
    "taker_buy_quote_asset_volume",
)
VALUES = (*AMOUNTS, "number_of_trades")


def _listed(names: Sequence[str], row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


def _moment(row: str) -> str:
    """What orders the candles that came for one key: the later, then the correction, then any rule that is fixed."""
    return f"ROW({row}.occurred_at, {row}.source = '{CORRECTION}', {_listed(VALUES, row)})"


COLUMNS = ", ".join(("time", "symbol", "timeframe", *VALUES, "source", "occurred_at"))
STORE = text(
    f"""
INSERT INTO market_data ({COLUMNS})
SELECT DISTINCT ON (symbol, timeframe, time)
    to_timestamp(CAST(time AS float8) / 1000), symbol, timeframe, {_listed(VALUES, "came")}, source, occurred_at
FROM json_to_recordset(CAST(:candles AS json)) AS came (
    time bigint, symbol text, timeframe text, {", ".join(f"{name} numeric" for name in AMOUNTS)},
    number_of_trades integer, source text, occurred_at timestamptz)
ORDER BY symbol, timeframe, time, {_moment("came")} DESC
ON CONFLICT (symbol, timeframe, time) DO UPDATE SET
    {", ".join(f"{name} = EXCLUDED.{name}" for name in (*VALUES, "source", "occurred_at"))},
    updated_at = CASE WHEN ROW({_listed(VALUES, "market_data")}) IS DISTINCT FROM ROW({_listed(VALUES, "EXCLUDED")})
        THEN now() ELSE market_data.updated_at END
WHERE {_moment("EXCLUDED")} > {_moment("market_data")}
"""
)


class PostgresCandleWriter:
    """Implements ``CandleWriter``: one statement for a batch. A process that was frozen, lost its partitions and wakes
    up changes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, candles: Sequence[CandleMessage]) -> None:
        if not candles:
            return
        assert all(candle.is_closed for candle in candles), "a candle that still moves is never stored"
        # amounts as text: every digit arrives
        rows = orjson.dumps([vars(candle) for candle in candles], default=str).decode()
        async with self._database.autocommit() as connection:
            await connection.execute(STORE, {"candles": rows})
