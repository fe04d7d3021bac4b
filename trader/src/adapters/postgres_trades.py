"""What trades are compared by, in PostgreSQL: the symbols in question, what is known of them, and the cursors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from core.positions.by_hand import with_hand_sales
from core.positions.model import CycleState, HandSale, Order
from core.positions.trade_cursors import TradeCursor
from shared.src.database import Database, DatabaseConnection
from shared.src.domain.clock import Clock
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS, text
from trader.src.adapters.rows import fill_of_row, hand_sale_json, order_of

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
ADD_HAND_SALE = "UPDATE trade_cycles SET hand_sales = hand_sales || CAST(:sale AS jsonb) WHERE id = :id"
SALES = "SELECT * FROM orders WHERE client_order_id = ANY(CAST(:names AS varchar[]))"
FILLS_OF_SALES = "SELECT * FROM trade_executions WHERE client_order_id = ANY(CAST(:names AS varchar[]))"
CURSORS = "SELECT symbol, begins_after, compared_to FROM trade_cursors ORDER BY symbol"
BEGIN_CURSOR = """
INSERT INTO trade_cursors (symbol, begins_after, compared_to) VALUES (:symbol, :begins_after, :begins_after)
ON CONFLICT DO NOTHING
"""
MOVE_CURSOR = "UPDATE trade_cursors SET compared_to = greatest(compared_to, :compared_to) WHERE symbol = :symbol"

SALES_BY_HAND = """
SELECT * FROM orders WHERE symbol = :symbol AND cycle_id IS NULL AND purpose = 'external' AND side = 'SELL'
    AND created_at >= :since ORDER BY created_at, client_order_id
"""
ATTRIBUTE_ORDER = """
UPDATE orders SET cycle_id = :cycle, intent_id = :intent, correlation_id = :correlation, updated_at = :now
WHERE client_order_id = :id AND cycle_id IS NULL
"""
ATTRIBUTE_FILLS = """
UPDATE trade_executions SET cycle_id = c.id, strategy = c.strategy
FROM trade_cycles c WHERE c.id = :cycle AND client_order_id = :id AND cycle_id IS NULL
"""


class PostgresTrades:
    """The part of ``trader.src.ports.Store`` that trades are compared by, and whose sales by hand were."""

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

    async def sales_by_hand(self, symbol: str, since: datetime) -> list[Order]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(SALES_BY_HAND), {"symbol": symbol, "since": since})
            return [order_of(row) for row in rows.mappings()]

    async def attribute(self, order: Order, sales: Mapping[str, HandSale]) -> None:
        async with self._database.begin() as connection:
            owner = {
                "id": order.client_order_id,
                "cycle": order.cycle_id,
                "intent": order.intent_id,
                "correlation": order.correlation_id,
                "now": self._clock.now(),
            }
            if (await connection.execute(text(ATTRIBUTE_ORDER), owner)).rowcount:
                await connection.execute(text(ATTRIBUTE_FILLS), owner)
                await add_hand_sales(connection, sales)


async def add_hand_sales(connection: DatabaseConnection, sales: Mapping[str, HandSale]) -> None:
    """By cycle, what it has of a sale."""
    for cycle_id, sale in sales.items():
        await connection.execute(text(ADD_HAND_SALE), {"id": cycle_id, "sale": hand_sale_json(sale)})


async def whole_view(connection: DatabaseConnection, view: CycleState) -> CycleState:
    """The position with its parts of the sales by hand."""
    names = {"names": [sale.client_order_id for sale in view.cycle.hand_sales]}
    orders = await connection.execute(text(SALES), names)
    fills = await connection.execute(text(FILLS_OF_SALES), names)
    return with_hand_sales(view, map(order_of, orders.mappings()), map(fill_of_row, fills.mappings()))
