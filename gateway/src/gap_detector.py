"""What is stored and what is missing in it."""

from __future__ import annotations

from datetime import timedelta

from shared.src.domain.candles import Gap, Timeframe
from shared.src.domain.clock import Clock, to_ms
from shared.src.market.ports import CandleHistory


class GapDetector:
    """Looks at the stored candles, back over ``window`` of market time. All raise TransientError."""

    def __init__(self, candles: CandleHistory, clock: Clock, *, window: timedelta = timedelta(days=3)) -> None:
        self._candles = candles
        self._clock = clock
        self._window = window

    async def holes(self) -> dict[str, list[Gap]]:
        """Missing minutes between stored candles, by symbol."""
        return await self._candles.holes(since_ms=to_ms(self._clock.now() - self._window))

    async def latest(self, symbol: str) -> dict[Timeframe, int]:
        """Open time of a symbol's newest stored candle of each time frame, in ms; without those that have none."""
        return await self._candles.newest(symbol)
