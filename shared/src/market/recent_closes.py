"""The closes of the last minutes, symbol by symbol, asked for once a minute."""

from __future__ import annotations

from collections.abc import Iterable

from shared.src.domain.candles import MINUTE_MS, Timeframe
from shared.src.domain.clock import Clock
from shared.src.market.ports import CandleHistory


class RecentCloses:
    """Closes by symbol and open time (ms) of the candle."""

    def __init__(self, candles: CandleHistory, clock: Clock, *, minutes: int) -> None:
        self._candles = candles
        self._clock = clock
        self._minutes = minutes
        self._minute = -1
        self._known: dict[str, dict[int, float]] = {}

    async def of(self, symbols: Iterable[str]) -> dict[str, dict[int, float]]:
        """Raises:
        TransientError: the candles cannot be read now.
        """
        minute = self._clock.now_ms() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._known = minute, {}
        for symbol in symbols:
            if symbol not in self._known:
                self._known[symbol] = await self._read(symbol)
        return dict(self._known)

    async def _read(self, symbol: str) -> dict[int, float]:
        now = self._clock.now_ms()
        found = await self._candles.candles(symbol, Timeframe.M1, until_ms=now, count=self._minutes)
        return {candle.time: float(candle.close) for candle in found}


def recent_closes(candles: CandleHistory | None, clock: Clock, *, minutes: int) -> RecentCloses | None:
    """None to whom candles are not told."""
    return None if candles is None else RecentCloses(candles, clock, minutes=minutes)
