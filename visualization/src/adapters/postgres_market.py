"""The market as the dashboard reads it: candles, prices, indicators. Every value is bound, every list has a bound."""

from __future__ import annotations

from collections.abc import Sequence

from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.market.symbol_choice import chosen_symbols
from visualization.src.adapters.postgres_rows import fetching
from visualization.src.adapters.rows import candle_view, symbol_view
from visualization.src.views import CandleView, IndicatorPoint, SymbolView

BUILT_MINUTES_MAX = 200_000


class PostgresMarketReads:
    """Implements ``visualization.src.ports.MarketReads``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fetch = fetching(database)

    async def traded(self, configured: Sequence[str]) -> list[str]:
        """The symbols in force, given those of the settings."""
        return list(await chosen_symbols(self._database, configured))

    async def candles(self, symbol: str, timeframe: Timeframe, limit: int) -> list[CandleView]:
        """The last candles, oldest first. Stored ones are completed by those built of the stored minutes."""
        stored = await self._stored(symbol, timeframe, limit)
        if timeframe is Timeframe.M1:
            return stored
        since = stored[-1]["time"] + timeframe.milliseconds if stored else None
        built = await self._built(symbol, timeframe, limit, since)
        return [*stored, *built][-limit:]

    async def _stored(self, symbol: str, timeframe: Timeframe, limit: int) -> list[CandleView]:
        rows = await self._fetch(
            """
            SELECT time, open, high, low, close, volume FROM market_data
            WHERE symbol = :symbol AND timeframe = :timeframe ORDER BY time DESC LIMIT :limit
            """,
            symbol=symbol,
            timeframe=timeframe.value,
            limit=limit,
        )
        return [candle_view(row, is_closed=True) for row in reversed(rows)]

    async def _built(self, symbol: str, timeframe: Timeframe, limit: int, since_ms: int | None) -> list[CandleView]:
        minutes = timeframe.milliseconds // Timeframe.M1.milliseconds
        rows = await self._fetch(
            """
            SELECT date_bin(CAST(:width AS interval), time, TIMESTAMPTZ 'epoch') AS time,
                   (array_agg(open ORDER BY volume = 0, time))[1] AS open,
                   COALESCE(max(high) FILTER (WHERE volume > 0), max(high)) AS high,
                   COALESCE(min(low) FILTER (WHERE volume > 0), min(low)) AS low,
                   (array_agg(close ORDER BY time DESC))[1] AS close, sum(volume) AS volume,
                   max(time) AS last_minute
            FROM (
                SELECT time, open, high, low, close, volume FROM market_data
                WHERE symbol = :symbol AND timeframe = '1m' AND time >= CAST(:since AS timestamptz)
                ORDER BY time DESC LIMIT :minutes_max
            ) AS minutes
            GROUP BY 1 ORDER BY 1
            """,
            width=f"{minutes} minutes",
            symbol=symbol,
            since=from_ms(since_ms or 0),
            minutes_max=min(limit * minutes, BUILT_MINUTES_MAX),
        )
        last_minute_ms = timeframe.milliseconds - Timeframe.M1.milliseconds
        return [
            candle_view(row, is_closed=to_ms(row["last_minute"]) == to_ms(row["time"]) + last_minute_ms) for row in rows
        ]

    async def minutes_since(self, symbol: str, since_ms: int) -> list[Candle]:
        """The closed 1m candles from a moment on, oldest first."""
        rows = await self._fetch(
            """
            SELECT time, open, high, low, close, volume FROM market_data
            WHERE symbol = :symbol AND timeframe = '1m' AND time >= :since ORDER BY time LIMIT 1440
            """,
            symbol=symbol,
            since=from_ms(since_ms),
        )
        return [
            Candle(
                symbol=symbol,
                timeframe=Timeframe.M1,
                time=to_ms(row["time"]),
                open=row["open"],
                high=row["high"],
                low=row["low"],
                close=row["close"],
                volume=row["volume"],
            )
            for row in rows
        ]

    async def symbols(self, symbols: Sequence[str], quote: str) -> list[SymbolView]:
        """Last price, change and quote volume of the 24 hours before it, of the symbols in force."""
        rows = await self._fetch(
            """
            SELECT wanted.symbol, latest.close, latest.time, day.open, day.volume
            FROM unnest(CAST(:symbols AS text[])) WITH ORDINALITY AS wanted (symbol, place)
            LEFT JOIN LATERAL (
                SELECT close, time FROM market_data
                WHERE symbol = wanted.symbol AND timeframe = '1m' ORDER BY time DESC LIMIT 1
            ) AS latest ON TRUE
            LEFT JOIN LATERAL (
                SELECT (array_agg(open ORDER BY time))[1] AS open, sum(quote_asset_volume) AS volume
                FROM market_data
                WHERE symbol = wanted.symbol AND timeframe = '1m'
                  AND time > latest.time - INTERVAL '24 hours' AND time <= latest.time
            ) AS day ON TRUE
            ORDER BY wanted.place
            """,
            symbols=await self.traded(symbols),
        )
        return [symbol_view(row, quote) for row in rows]

    async def available_symbols(self) -> list[str]:
        """Symbols with stored candles, found by jumping through the index."""
        rows = await self._fetch(
            """
            WITH RECURSIVE found AS (
                (SELECT symbol FROM market_data ORDER BY symbol LIMIT 1)
                UNION ALL
                SELECT (SELECT symbol FROM market_data WHERE symbol > found.symbol ORDER BY symbol LIMIT 1)
                FROM found WHERE found.symbol IS NOT NULL
            )
            SELECT symbol FROM found WHERE symbol IS NOT NULL
            """
        )
        return [row["symbol"] for row in rows]

    async def indicator_columns(self) -> list[str]:
        """The numeric columns of ``analyzer_data``: what the chart may ask for."""
        rows = await self._fetch(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = 'analyzer_data' AND data_type = 'double precision'
            ORDER BY ordinal_position
            """
        )
        return [row["column_name"] for row in rows]

    async def indicators(
        self, symbol: str, timeframe: Timeframe, columns: Sequence[str], limit: int
    ) -> dict[str, list[IndicatorPoint]]:
        """Values per bar, oldest first. ``columns`` must come from ``indicator_columns``."""
        # The names come from the schema itself, so they cannot carry anything else into the statement.
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = await self._fetch(
            f"SELECT time, {listed} FROM analyzer_data"
            " WHERE symbol = :symbol AND timeframe = :timeframe ORDER BY time DESC LIMIT :limit",
            symbol=symbol,
            timeframe=timeframe.value,
            limit=limit,
        )
        times = [to_ms(row["time"]) for row in reversed(rows)]
        return {
            column: [
                IndicatorPoint(time=time, value=row[column]) for time, row in zip(times, reversed(rows), strict=True)
            ]
            for column in columns
        }
