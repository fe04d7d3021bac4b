"""What is stored and what is missing in it, found by SQL."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from gateway.src.series import Gap
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock, to_ms

HOLES = text(
    """
    SELECT symbol, time, following FROM (
        SELECT symbol, time, lead(time) OVER (PARTITION BY symbol ORDER BY time) AS following
        FROM market_data WHERE timeframe = '1m' AND time >= :since
    ) AS pairs WHERE following > time + INTERVAL '1 minute' ORDER BY symbol, time LIMIT 500
    """
)
LATEST = text(
    """
    SELECT timeframe, newest.time FROM unnest(CAST(:timeframes AS text[])) AS wanted (timeframe), LATERAL (
        SELECT time FROM market_data WHERE symbol = :symbol AND market_data.timeframe = wanted.timeframe
        ORDER BY time DESC LIMIT 1
    ) AS newest
    """
)


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

    async def latest(self, symbol: str) -> dict[Timeframe, int]:
        """Open time of a symbol's newest stored candle of each time frame, in ms; without those that have none."""
        async with self._database.begin() as connection:
            rows = await connection.execute(
                LATEST, {"symbol": symbol, "timeframes": [str(frame) for frame in Timeframe]}
            )
            return {Timeframe(row.timeframe): to_ms(row.time) for row in rows}
