"""What trades are compared by, in PostgreSQL: the symbols in question, what is known of them, and the cursors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from core.positions.trade_cursors import TradeCursor
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS, text

RECENT = timedelta(days=7)

TOUCHED = f"""
SELECT symbol FROM orders WHERE created_at > :since OR status IN {LIVE_ORDERS}
UNION SELECT symbol FROM trade_cycles WHERE status NOT IN {ENDED_CYCLES} ORDER BY symbol
"""
KNOWN_ORDERS = """
SELECT exchange_order_id FROM orders WHERE symbol = :symbol AND exchange_order_id = ANY(CAST(:ids AS bigint[]))
"""
BOOKED_TRADES = """
SELECT trade_id FROM trade_executions WHERE symbol = :symbol AND trade_id = ANY(CAST(:ids AS bigint[]))
"""
CURSORS = "SELECT symbol, begins_after, compared_to FROM trade_cursors ORDER BY symbol"
BEGIN_CURSOR = """
INSERT INTO trade_cursors (symbol, begins_after, compared_to) VALUES (:symbol, :begins_after, :begins_after)
ON CONFLICT DO NOTHING
"""
MOVE_CURSOR = "UPDATE trade_cursors SET compared_to = greatest(compared_to, :compared_to) WHERE symbol = :symbol"


class PostgresTrades:
    """The part of ``trader.src.ports.Store`` that trades are compared by."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def touched_symbols(self) -> list[str]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(TOUCHED), {"since": self._clock.now() - RECENT})
            return [row.symbol for row in rows]

    async def known_orders(self, symbol: str, exchange_order_ids: Sequence[int]) -> set[int]:
        async with self._database.autocommit() as connection:
            asked = {"symbol": symbol, "ids": list(set(exchange_order_ids))}
            return {row.exchange_order_id for row in await connection.execute(text(KNOWN_ORDERS), asked)}

    async def booked_trades(self, symbol: str, trade_ids: Sequence[int]) -> set[int]:
        async with self._database.autocommit() as connection:
            asked = {"symbol": symbol, "ids": list(trade_ids)}
            return {row.trade_id for row in await connection.execute(text(BOOKED_TRADES), asked)}

    async def trade_cursors(self) -> dict[str, TradeCursor]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(CURSORS))
            return {row.symbol: TradeCursor(row.begins_after, row.compared_to) for row in rows}

    async def begin_trade_cursor(self, symbol: str, begins_after: int) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(text(BEGIN_CURSOR), {"symbol": symbol, "begins_after": begins_after})

    async def move_trade_cursor(self, symbol: str, compared_to: int) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(text(MOVE_CURSOR), {"symbol": symbol, "compared_to": compared_to})
