"""Holes in the stored 1m history, found by SQL."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from gateway.src.series import Gap
from shared.src.database import Database
from shared.src.domain.clock import Clock, to_ms

HOLES = text(
    """
    SELECT symbol, time, following FROM (
        SELECT symbol, time, lead(time) OVER (PARTITION BY symbol ORDER BY time) AS following
        FROM market_data WHERE timeframe = '1m' AND time >= :since
    ) AS pairs WHERE following > time + INTERVAL '1 minute' ORDER BY symbol, time LIMIT 500
    """
)
LATEST = text("SELECT symbol, max(time) AS time FROM market_data WHERE timeframe = '1m' GROUP BY symbol")


class GapDetector:
    """Reads ``market_data``; looks back ``window`` of market time."""

    def __init__(self, database: Database, clock: Clock, *, window: timedelta = timedelta(days=3)) -> None:
        self._database = database
        self._clock = clock
        self._window = window

    async def holes(self) -> dict[str, list[Gap]]:
        """Missing minutes between stored candles, by symbol."""
        async with self._database.begin() as connection:
            rows = await connection.execute(HOLES, {"since": self._clock.now() - self._window})
            found: dict[str, list[Gap]] = {}
            for row in rows:
                found.setdefault(row.symbol, []).append(Gap(to_ms(row.time) + 60_000, to_ms(row.following)))
            return found

    async def latest(self) -> dict[str, int]:
        """Open time of each symbol's newest stored 1m candle, in ms."""
        async with self._database.begin() as connection:
            return {row.symbol: to_ms(row.time) for row in await connection.execute(LATEST)}
