"""What the dashboard reads, as SQL. Read only; every value is bound, every list has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.money import wire
from shared.src.domain.orders import ENDED
from shared.src.market.symbol_choice import chosen_symbols
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS
from visualization.src.rows import (
    Row,
    candle_view,
    cycle_view,
    decision_view,
    order_view,
    symbol_view,
    trade_view,
    verdict,
)
from visualization.src.views import (
    CandleView,
    CycleView,
    DecisionView,
    IndicatorPoint,
    OrderView,
    SignalView,
    SymbolView,
    TradeView,
)

BUILT_MINUTES_MAX = 200_000


class Queries:
    """Reads on the tables of the other services."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, sql: str, **values: Any) -> Sequence[Row]:
        """Rows of a statement.

        Raises:
            TransientError: the database is away.
        """
        async with self._database.autocommit() as connection:
            result = await connection.execute(text(sql), values)
            return [dict(row) for row in result.mappings()]

    # Market

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
        rows = await self.fetch(
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
        rows = await self.fetch(
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
        rows = await self.fetch(
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
        rows = await self.fetch(
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
        rows = await self.fetch(
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
        rows = await self.fetch(
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
        rows = await self.fetch(
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

    # Decisions

    async def chart_signals(self, symbol: str, limit: int, strategy: str = "") -> list[SignalView]:
        """Consensus signals of a symbol, oldest first, at the bar they were made on."""
        rows = await self.fetch(
            f"""
            {DECISION_COLUMNS}
            WHERE signal.accepted AND signal.side IS NOT NULL AND signal.symbol = :symbol
              AND (:strategy = '' OR signal.strategy = :strategy)
            ORDER BY signal.timestamp DESC LIMIT :limit
            """,
            symbol=symbol,
            strategy=strategy,
            limit=limit,
        )
        return [
            SignalView(
                id=row["id"],
                time=to_ms(row["timestamp"]),
                side=row["side"],
                strategy=row["strategy"],
                strength=row["strength"] or 0.0,
                price=wire(row["price"]),
                verdict=verdict(row),
            )
            for row in reversed(rows)
        ]

    async def decisions(self, *, symbol: str, accepted_only: bool, limit: int) -> list[DecisionView]:
        """Consensus signals with their votes and what became of them, newest first."""
        rows = await self.fetch(
            f"""
            {DECISION_COLUMNS}
            WHERE signal.side IS NOT NULL AND (signal.accepted OR NOT :accepted_only)
              AND (:symbol = '' OR signal.symbol = :symbol)
            ORDER BY signal.timestamp DESC, signal.id LIMIT :limit
            """,
            symbol=symbol,
            accepted_only=accepted_only,
            limit=limit,
        )
        return [decision_view(row) for row in rows]

    # Trading

    async def cycles(self, *, symbol: str, status: str, limit: int) -> list[CycleView]:
        """Cycles, newest first. ``status`` is one of the states, ``open``, ``closed`` or empty for all."""
        states = {"": (), "open": (), "closed": sorted(ENDED)}.get(status, (status,))
        rows = await self.fetch(
            f"""
            SELECT id, symbol, strategy, side, status, quantity, exit_quantity, entry_price, exit_price, stop_price,
                   take_profit_price, profit_loss, profit_loss_percent, fees, exit_reason, created_at, completed_at
            FROM trade_cycles
            WHERE (:symbol = '' OR symbol = :symbol)
              AND (NOT :is_open OR status NOT IN {ENDED_CYCLES})
              AND (cardinality(CAST(:states AS text[])) = 0 OR status = ANY (CAST(:states AS text[])))
            ORDER BY coalesce(completed_at, created_at) DESC, id LIMIT :limit
            """,
            symbol=symbol,
            is_open=status == "open",
            states=list(states),
            limit=limit,
        )
        return [cycle_view(row) for row in rows]

    async def trades(self, *, symbol: str, limit: int) -> list[TradeView]:
        """Fills, newest first."""
        rows = await self.fetch(
            """
            SELECT id, order_id, coalesce(cycle_id, '') AS cycle_id, symbol, side, price, quantity, quote_quantity,
                   fee, fee_asset, role, purpose, strategy, timestamp
            FROM trade_executions WHERE (:symbol = '' OR symbol = :symbol)
            ORDER BY timestamp DESC, trade_id DESC LIMIT :limit
            """,
            symbol=symbol,
            limit=limit,
        )
        return [trade_view(row) for row in rows]

    async def orders(self, *, symbol: str, open_only: bool, limit: int) -> list[OrderView]:
        """Orders, newest first; a state that is not final counts as open, UNKNOWN included."""
        rows = await self.fetch(
            f"""
            SELECT client_order_id, exchange_order_id, symbol, side, type, status, purpose, price, stop_price,
                   quantity, executed_quantity, created_at
            FROM orders
            WHERE (:symbol = '' OR symbol = :symbol)
              AND (NOT :open_only OR status IN {LIVE_ORDERS})
            ORDER BY created_at DESC, client_order_id LIMIT :limit
            """,
            symbol=symbol,
            open_only=open_only,
            limit=limit,
        )
        return [order_view(row) for row in rows]


DECISION_COLUMNS = """
SELECT signal.id, signal.symbol, signal.timeframe, signal.side, signal.strength, signal.level, signal.confidence,
       signal.price, signal.strategy, signal.reason, signal.accepted, signal.votes, signal.timestamp,
       decision.approved, decision.reason AS verdict_reason, decision.decided_at
FROM trading_signals AS signal
LEFT JOIN LATERAL (
    SELECT approved, reason, decided_at FROM decisions
    WHERE consensus_id = signal.id ORDER BY approved DESC, decided_at LIMIT 1
) AS decision ON TRUE
"""
