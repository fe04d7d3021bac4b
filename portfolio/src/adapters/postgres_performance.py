"""The table ``performance_stats``: per period, and in it per strategy, per symbol, and for all ('')."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from portfolio.src.ports import CompletedCycles
from shared.src.database import Database

PERIODS = {"daily": "day", "weekly": "week", "monthly": "month"}

_COMPLETED = text("""
SELECT min(completed_at) AS first, max(completed_at) AS last, count(*) AS n, max(updated_at) AS changed
FROM trade_cycles WHERE status = 'completed' AND completed_at >= :since
""")

_RECOMPUTE = text("""
INSERT INTO performance_stats
    (period, period_start, strategy, symbol, trades, wins, volume, fees, profit_loss, best, worst, updated_at)
SELECT :period, date_trunc(:unit, completed_at), COALESCE(strategy, ''), COALESCE(symbol, ''), count(*),
       count(*) FILTER (WHERE profit_loss > 0),
       COALESCE(sum(entry_price * quantity + exit_price * exit_quantity), 0), sum(fees), sum(profit_loss),
       max(profit_loss), min(profit_loss), :at
FROM trade_cycles
WHERE status = 'completed' AND completed_at >= date_trunc(:unit, CAST(:since AS timestamptz))
GROUP BY GROUPING SETS (
    (date_trunc(:unit, completed_at)), (date_trunc(:unit, completed_at), strategy),
    (date_trunc(:unit, completed_at), symbol), (date_trunc(:unit, completed_at), strategy, symbol))
ON CONFLICT (period, period_start, strategy, symbol) DO UPDATE SET
    trades = EXCLUDED.trades, wins = EXCLUDED.wins, volume = EXCLUDED.volume, fees = EXCLUDED.fees,
    profit_loss = EXCLUDED.profit_loss, best = EXCLUDED.best, worst = EXCLUDED.worst, updated_at = EXCLUDED.updated_at
""")


class PostgresPerformance:
    """Implements ``portfolio.src.ports.PerformanceRows``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def completed_since(self, since: datetime) -> CompletedCycles | None:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(_COMPLETED, {"since": since})).one()
        return None if row.first is None else CompletedCycles(row.first, row.last, row.n, row.changed)

    async def recompute(self, since: datetime, at: datetime) -> None:
        async with self._database.begin() as connection:
            for period, unit in PERIODS.items():
                await connection.execute(_RECOMPUTE, {"period": period, "unit": unit, "since": since, "at": at})
