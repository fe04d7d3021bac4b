"""What needs attention, read from the tables of the other services."""

from __future__ import annotations

from datetime import datetime

from shared.src.database import Database
from visualization.src.adapters.postgres_rows import fetching
from visualization.src.ports import Attention, StoppedScope


class PostgresSystemReads:
    """Implements ``visualization.src.ports.SystemReads``."""

    def __init__(self, database: Database) -> None:
        self._fetch = fetching(database)

    async def attention(self, protected_by: datetime) -> Attention:
        (counts,) = await self._fetch(
            """
            SELECT (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
                   (SELECT count(*) FROM orders WHERE status = 'UNKNOWN') AS unknown_orders,
                   (SELECT count(*) FROM trade_cycles
                    WHERE status IN ('active_buy', 'waiting_sell') AND quantity > 0 AND protected_at IS NULL
                      AND coalesce(opened_at, created_at) < :protected_by) AS unprotected
            """,
            protected_by=protected_by,
        )
        return Attention(**counts)

    async def pauses(self, now: datetime) -> list[StoppedScope]:
        rows = await self._fetch(
            "SELECT scope, reason, cause <> 'hand' AS halted FROM trading_pauses"
            " WHERE until IS NULL OR until > :now ORDER BY scope, halted DESC, since",
            now=now,
        )
        return [StoppedScope(**row) for row in rows]
