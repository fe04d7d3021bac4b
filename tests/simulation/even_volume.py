"""What is traded in the simulated markets, as candles tell it to who buys a share of that."""

from __future__ import annotations

from decimal import Decimal

from shared.src.domain.candles import MINUTE_MS, Candle, Gap, Timeframe

ONE = Decimal(1)
# Base units of every minute: an entry by participation is bought in some parts.
EACH_MINUTE = {"BTCUSDC": Decimal("0.01"), "ETHUSDC": Decimal("0.2")}


class EvenVolume:
    """Implements ``CandleHistory``: the same is traded in every minute."""

    async def candles(self, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int) -> list[Candle]:
        last = until_ms // MINUTE_MS
        volume = EACH_MINUTE[symbol]
        return [
            Candle(symbol, timeframe, minute * MINUTE_MS, ONE, ONE, ONE, ONE, volume)
            for minute in range(last - count + 1, last + 1)
        ]

    async def newest(self, symbol: str) -> dict[Timeframe, int]:
        return {}

    async def holes(self, *, since_ms: int) -> dict[str, list[Gap]]:
        return {}
