"""The table ``performance_stats``: per period, and in it per strategy, per symbol, and for all ('')."""

from __future__ import annotations

from datetime import datetime

from portfolio.src.ports import CompletedCycles
from shared.src.database import Database
from shared.src.sql import RESULT_SUMS, text

PERIODS = {"daily": "day", "weekly": "week", "monthly": "month"}

_COMPLETED = text("""
SELECT min(completed_at) AS first, max(completed_at) AS last, count(*) AS n, max(updated_at) AS changed
FROM trade_cycles WHERE status = 'completed' AND completed_at >= :since
""")

_RECOMPUTE = text(f"""
INSERT INTO performance_stats
    (period, period_start, strategy, symbol, trades, wins, volume, fees, profit_loss, best, worst, updated_at)
SELECT :period, period_start, COALESCE(strategy, ''), COALESCE(symbol, ''), cycles, wins, volume, fees, gained - lost,
       best, worst, :at
FROM (
    SELECT date_trunc(:unit, completed_at) AS period_start, strategy, symbol, {RESULT_SUMS}
    FROM valued_cycles
    WHERE status = 'completed' AND completed_at >= date_trunc(:unit, CAST(:since AS timestamptz))
    GROUP BY GROUPING SETS (
        (period_start), (period_start, strategy), (period_start, symbol), (period_start, strategy, symbol))
) AS sums
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
