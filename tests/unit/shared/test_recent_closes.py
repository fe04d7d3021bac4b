"""Recent closes are asked for once a minute and symbol."""

from __future__ import annotations

from decimal import Decimal

from shared.memory.manual_clock import ManualClock
from shared.src.domain.candles import MINUTE_MS, Candle, Gap, Timeframe
from shared.src.market.recent_closes import RecentCloses


class Candles:
    """A history of one candle a minute that counts its questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def candles(self, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int) -> list[Candle]:
        self.asked.append(symbol)
        last = until_ms // MINUTE_MS * MINUTE_MS
        return [candle(symbol, last - minute * MINUTE_MS) for minute in reversed(range(count))]

    async def newest(self, symbol: str) -> dict[Timeframe, int]:
        return {}

    async def holes(self, *, since_ms: int) -> dict[str, list[Gap]]:
        return {}


def candle(symbol: str, time_ms: int) -> Candle:
    price = Decimal(100)
    return Candle(symbol, Timeframe.M1, time_ms, price, price, price, price, Decimal(1))


async def test_a_symbol_is_asked_for_once_a_minute() -> None:
    clock, candles = ManualClock(), Candles()
    closes = RecentCloses(candles, clock, minutes=3)
    found = await closes.of(["BTCUSDC", "ETHUSDC"])
    assert {symbol: len(known) for symbol, known in found.items()} == {"BTCUSDC": 3, "ETHUSDC": 3}
    await closes.of(["BTCUSDC", "SOLUSDC"])
    assert candles.asked == ["BTCUSDC", "ETHUSDC", "SOLUSDC"]
    clock.advance(60)
    await closes.of(["BTCUSDC"])
    assert candles.asked[3:] == ["BTCUSDC"]
