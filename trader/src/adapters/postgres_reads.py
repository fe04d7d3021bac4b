"""What the REST API shows, read from PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.execution.slippage import Executed, slippage_bips
from core.statistics.figures import rounded
from core.statistics.results import Results
from shared.src.database import Database
from shared.src.domain.orders import Side
from shared.src.domain.plain import plain_row
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS, RESULT_SUMS, SLIPPAGE_SUMS, text
from trader.src.api.models import OrdersQuery

ORDERS = """
SELECT o.*, f.fees, f.fee_assets, c.managed_by, c.pocket FROM orders o
LEFT JOIN trade_cycles c ON c.id = o.cycle_id
LEFT JOIN LATERAL (
    SELECT sum((e.metadata ->> 'fee_quote')::numeric) AS fees, array_agg(DISTINCT e.fee_asset) AS fee_assets
    FROM trade_executions e WHERE e.client_order_id = o.client_order_id
) f ON TRUE
"""
IS_OPEN = f"o.status IN {LIVE_ORDERS}"
STATS_ORDERS = f"""
SELECT count(*) AS orders,
       count(*) FILTER (WHERE executed_quantity > 0) AS executed,
       count(*) FILTER (WHERE status = 'REJECTED') AS rejected,
       count(*) FILTER (WHERE status IN {LIVE_ORDERS}) AS open
FROM orders WHERE purpose <> 'external'
"""
STATS_FILLS = """
SELECT count(*) AS fills, coalesce(sum(quote_quantity), 0) AS volume,
       coalesce(sum((metadata ->> 'fee_quote')::numeric), 0) AS fees
FROM trade_executions
"""
STATS_CYCLES = f"""
SELECT count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'canceled') AS canceled,
       count(*) FILTER (WHERE status NOT IN {ENDED_CYCLES}) AS open,
       coalesce(max(unprotected_s), 0) AS unprotected_s_max
FROM trade_cycles
"""
STATS_RESULTS = f"SELECT {RESULT_SUMS} FROM valued_cycles WHERE status = 'completed'"

# Averages weigh by what was traded.
STATS_EXECUTION = f"""
SELECT {SLIPPAGE_SUMS}, sum(entry_slippage_bips * entry_value) / nullif(sum(entry_value), 0) AS entry_bips,
       sum(exit_slippage_bips * exit_value) / nullif(sum(exit_value), 0) AS exit_bips
FROM valued_cycles WHERE status = 'completed'
"""


class PostgresReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def orders(self, query: OrdersQuery) -> list[dict[str, Any]]:
        """Orders, open ones first, then the newest."""
        conditions, parameters = ["TRUE"], {"limit": query.limit, "symbol": query.symbol, "status": str(query.status)}
        if query.symbol is not None:
            conditions.append("o.symbol = :symbol")
        if query.status == "open":
            conditions.append(IS_OPEN)
        elif query.status is not None:
            conditions.append("o.status = :status")
        where = " AND ".join(conditions)
        sql = f"{ORDERS} WHERE {where} ORDER BY {IS_OPEN} DESC, o.created_at DESC LIMIT :limit"
        return [order_view(row) for row in await self._rows(sql, parameters)]

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """One order by our id or the exchange's."""
        number = int(order_id) if order_id.isdecimal() and len(order_id) < 19 else -1
        sql = f"{ORDERS} WHERE o.client_order_id = :id OR o.exchange_order_id = :number ORDER BY o.created_at DESC"
        rows = await self._rows(sql, {"id": order_id, "number": number})
        return order_view(rows[0]) if rows else None

    async def has_pockets(self) -> bool:
        """Whether a portfolio keeps, or ever kept, the books of this account."""
        return bool((await self._rows("SELECT EXISTS (SELECT 1 FROM capital_pockets) AS kept", {}))[0]["kept"])

    async def stats(self) -> dict[str, Any]:
        statements = (STATS_ORDERS, STATS_FILLS, STATS_CYCLES, STATS_RESULTS, STATS_EXECUTION)
        orders, fills, cycles, sums, executed = [(await self._rows(sql, {}))[0] for sql in statements]
        results = Results.of_sums(sums)
        decided = orders["executed"] + orders["rejected"]
        return plain_row(
            {
                "orders": orders["orders"],
                "orders_executed": orders["executed"],
                "orders_rejected": orders["rejected"],
                "orders_open": orders["open"],
                "success_rate_percent": round(100 * orders["executed"] / decided, 2) if decided else None,
                "fills": fills["fills"],
                "volume": fills["volume"],
                "fees": fills["fees"],
                "cycles": {
                    "completed": results.cycles,
                    "winning": results.wins,
                    "realised_profit_loss": results.profit_loss,
                    **cycles,
                },
                "execution": {
                    "slippage": executed["slippage"],
                    "slippage_bips": slippage_bips(executed["slippage"], executed["measured"]),
                    "entry_slippage_bips": rounded(executed["entry_bips"], 4),
                    "exit_slippage_bips": rounded(executed["exit_bips"], 4),
                },
            }
        )

    async def _rows(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._database.autocommit() as connection:
            result = await connection.execute(text(sql), parameters)
            return [dict(row) for row in result.mappings()]


def _slippage_bips(row: dict[str, Any]) -> Decimal | None:
    quantity, benchmark = row["executed_quantity"], row["benchmark"]
    if not quantity or not row["executed_quote"] or benchmark is None:
        return None
    execution = Executed(Side(row["side"]), quantity, row["executed_quote"], quantity * benchmark)
    return rounded(execution.slippage_bips, 4)


def order_view(row: dict[str, Any]) -> dict[str, Any]:
    """An order as the API shows it."""
    executed: Decimal = row["executed_quantity"]
    return plain_row(
        {
            "order_id": str(row["exchange_order_id"] or ""),
            "client_order_id": row["client_order_id"],
            "intent_id": row["intent_id"],
            "cycle_id": row["cycle_id"],
            "purpose": row["purpose"],
            "managed_by": row["managed_by"],
            "pocket": row["pocket"],
            "symbol": row["symbol"],
            "side": row["side"],
            "type": row["type"],
            "sent_type": row["sent_type"] or row["type"],
            "time_in_force": row["time_in_force"],
            "status": row["status"],
            "quantity": row["quantity"],
            "executed_quantity": executed,
            "price": row["price"],
            "stop_price": row["stop_price"],
            "executed_price": round(row["executed_quote"] / executed, 12) if executed else None,
            "arrival_price": row["arrival_price"],
            "arrival_touch": row["arrival_touch"],
            "benchmark": row["benchmark"],
            "slippage_bips": _slippage_bips(row),
            "fees": row.get("fees") or Decimal(0),
            "reason": row["reason"],
            "reject_code": row["reject_code"],
            "demo": row["demo"],
            "timestamp": row["updated_at"],
            "created_at": row["created_at"],
        }
    )
