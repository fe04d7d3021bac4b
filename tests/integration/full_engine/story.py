"""What the real processes decided and did on a tape: the rows that a run in one process keeps in its journal."""

from __future__ import annotations

from typing import Any

from backtester.full_engine.journal import CONSENSUS, CYCLE, DECISION, ORDER
from shared.src.database import Database
from shared.src.sql import text

Row = dict[str, Any]

QUERIES = {
    "consensus": f"SELECT {', '.join(CONSENSUS)} FROM trading_signals ORDER BY timestamp, symbol, timeframe, id",
    "decisions": f"SELECT {', '.join(DECISION)} FROM decisions ORDER BY decided_at, intent_id",
    "orders": f"SELECT {', '.join(ORDER)} FROM orders ORDER BY created_at, client_order_id",
    "cycles": f"SELECT {', '.join(CYCLE)} FROM trade_cycles ORDER BY created_at, id",
    "ledger": """
        SELECT account, asset, sum(amount) AS amount FROM ledger_lines GROUP BY account, asset
        HAVING sum(amount) <> 0 ORDER BY account, asset
    """,
}


async def story_of(database: Database) -> dict[str, list[Row]]:
    """The tables as ``backtester.full_engine.journal`` has them."""
    async with database.autocommit() as connection:
        return {
            name: [dict(row) for row in (await connection.execute(text(sql))).mappings()]
            for name, sql in QUERIES.items()
        }
