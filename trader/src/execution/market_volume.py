"""How much is traded in the markets, from their closed minutes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from shared.src.domain.candles import MINUTE_MS, Timeframe
from shared.src.domain.clock import Clock, to_ms
from shared.src.domain.money import ZERO
from shared.src.market.ports import CandleHistory

MINUTES_MAX = 24 * 60
AGE_S_MAX = 5.0


class MarketVolume:
    """Base units by symbol. ``candles``: None to whom they are not told."""

    def __init__(self, candles: CandleHistory | None, clock: Clock) -> None:
        self._candles = candles
        self._clock = clock
        self._known: dict[tuple[str, int], Decimal] = {}
        self._read_at = float("-inf")

    async def since(self, symbol: str, began_at: datetime) -> Decimal | None:
        """What was traded from the minute before ``began_at`` to the last closed one; None when nobody counts it.

        Raises:
            TransientError: the candles cannot be read now.
        """
        if self._candles is None:
            return None
        if self._clock.monotonic() - self._read_at > AGE_S_MAX:
            self._read_at, self._known = self._clock.monotonic(), {}
        first_ms = (to_ms(began_at) // MINUTE_MS - 1) * MINUTE_MS
        key = symbol, first_ms
        if key not in self._known:
            self._known[key] = await self._read(self._candles, symbol, first_ms)
        return self._known[key]

    async def _read(self, candles: CandleHistory, symbol: str, first_ms: int) -> Decimal:
        minute = self._clock.now_ms() // MINUTE_MS
        count = min(MINUTES_MAX, max(1, minute - first_ms // MINUTE_MS))
        found = await candles.candles(symbol, Timeframe.M1, until_ms=(minute - 1) * MINUTE_MS, count=count)
        return sum((candle.volume for candle in found if candle.time >= first_ms), ZERO)
