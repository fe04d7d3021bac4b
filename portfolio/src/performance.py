"""performance_stats from completed cycles: recomputed for the days that were touched, so that again changes nothing."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from sqlalchemy import text

from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 10.0
PERIODS = {"daily": "day", "weekly": "week", "monthly": "month"}

# Market time orders completed_at; a sweep looks a day further back than the last one it saw.
_TOUCHED = text("""
SELECT min(completed_at) AS first, max(completed_at) AS last, count(*) AS n, max(updated_at) AS changed
FROM trade_cycles
WHERE status = 'completed' AND completed_at >= CAST(:since AS timestamptz) - INTERVAL '1 day'
""")

_RECOMPUTE = text("""
INSERT INTO performance_stats
    (period, period_start, strategy, symbol, trades, wins, volume, fees, profit_loss, best, worst, updated_at)
SELECT :period, date_trunc(:unit, completed_at), COALESCE(strategy, ''), COALESCE(symbol, ''), count(*),
       count(*) FILTER (WHERE profit_loss > 0),
       COALESCE(sum(entry_price * quantity + exit_price * exit_quantity), 0), sum(fees), sum(profit_loss),
       max(profit_loss), min(profit_loss), :at
FROM trade_cycles
WHERE status = 'completed' AND completed_at >= date_trunc(:unit, CAST(:first AS timestamptz))
GROUP BY GROUPING SETS (
    (date_trunc(:unit, completed_at)), (date_trunc(:unit, completed_at), strategy),
    (date_trunc(:unit, completed_at), symbol), (date_trunc(:unit, completed_at), strategy, symbol))
ON CONFLICT (period, period_start, strategy, symbol) DO UPDATE SET
    trades = EXCLUDED.trades, wins = EXCLUDED.wins, volume = EXCLUDED.volume, fees = EXCLUDED.fees,
    profit_loss = EXCLUDED.profit_loss, best = EXCLUDED.best, worst = EXCLUDED.worst, updated_at = EXCLUDED.updated_at
""")


class PerformanceKeeper:
    """Maintains ``performance_stats``: per period, and in it per strategy, per symbol, and for all ('')."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: datetime | None = None
        self._last: tuple[object, ...] = ()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A cycle was completed."""
        self._wake.set()

    async def run(self) -> None:
        """Recompute what was touched, soon after a cycle ended and now and then."""
        while True:
            try:
                await self.update()
            except TransientError as error:
                logger.warning("statistics postponed", extra={"reason": str(error)})
            self._wake.clear()
            try:
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await self._clock.sleep(0.2)

    async def update(self) -> bool:
        """Recompute the periods that hold cycles completed since the last time; False when nothing changed."""
        since = self._seen or datetime.min.replace(year=1970, tzinfo=self._clock.now().tzinfo)
        async with self._database.begin() as connection:
            touched = (await connection.execute(_TOUCHED, {"since": since})).one()
            state = (touched.last, touched.n, touched.changed)
            if touched.first is None or state == self._last:
                return False
            for period, unit in PERIODS.items():
                await connection.execute(
                    _RECOMPUTE, {"period": period, "unit": unit, "first": touched.first, "at": self._clock.now()}
                )
        # what the next look will see when nothing changed: from a day before the last completion on
        self._last = state if self._seen == touched.last else ()
        self._seen = touched.last
        return True
