"""Last prices: the screens' ticks in Redis first, closed candles in PostgreSQL where there is no tick."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from redis.asyncio import Redis
from sqlalchemy import text

from core.capital.valuation import symbols_of
from shared.src.contracts.topics import KAFKA_TICK, TICK_KEY
from shared.src.database import Database
from shared.src.domain.errors import ContractError
from shared.src.redis_client import translated

_CLOSES = text("""
SELECT wanted.symbol, last.close
FROM unnest(CAST(:symbols AS varchar[])) AS wanted (symbol)
CROSS JOIN LATERAL (
    SELECT close FROM market_data
    WHERE market_data.symbol = wanted.symbol AND timeframe = '1m' ORDER BY time DESC LIMIT 1
) last
""")


class LastPrices:
    """Implements ``portfolio.src.ports.AssetPrices``."""

    def __init__(self, database: Database, redis: Redis, *, quote_asset: str) -> None:
        self._database = database
        self._redis = redis
        self._quote = quote_asset

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        symbols = symbols_of(assets, self._quote)
        found = await self._ticks(symbols)
        missing = [symbol for symbol in symbols if symbol not in found]
        if missing:
            async with self._database.autocommit() as connection:
                rows = await connection.execute(_CLOSES, {"symbols": missing})
                found |= {row.symbol: row.close for row in rows}
        return found

    async def _ticks(self, symbols: list[str]) -> dict[str, Decimal]:
        async with translated():
            raws = await self._redis.mget([TICK_KEY.format(symbol=symbol) for symbol in symbols]) if symbols else []
        prices: dict[str, Decimal] = {}
        for symbol, raw in zip(symbols, raws, strict=True):
            if raw is None:
                continue
            try:
                tick = KAFKA_TICK.decode(raw)
            except ContractError:
                continue  # written by something else; the candles know the price too
            prices[symbol] = (tick.bid + tick.ask) / 2
        return prices
