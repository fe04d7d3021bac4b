"""Candles that say how much was traded, and nothing else."""

from __future__ import annotations

from decimal import Decimal

from shared.src.domain.candles import Candle, Gap, Timeframe

PRICE = Decimal(50_000)


class CountedMinutes:
    """A history of candles that knows how much was traded in a minute, and nothing else. By open time (ms)."""

    def __init__(self) -> None:
        self.volumes: dict[int, Decimal] = {}

    async def candles(self, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int) -> list[Candle]:
        known = sorted(time_ms for time_ms in self.volumes if time_ms <= until_ms)[-count:]
        return [
            Candle(symbol, timeframe, time_ms, PRICE, PRICE, PRICE, PRICE, self.volumes[time_ms]) for time_ms in known
        ]

    async def newest(self, symbol: str) -> dict[Timeframe, int]:
        return {Timeframe.M1: max(self.volumes)} if self.volumes else {}

    async def holes(self, *, since_ms: int) -> dict[str, list[Gap]]:
        return {}
