"""The one place where the mode chooses the exchange."""

from __future__ import annotations

from redis.asyncio import Redis

from shared.src.config import Settings, TradingMode
from shared.src.database import Database
from shared.src.domain.clock import Clock
from trader.src.binance_executor import BinanceExecutor
from trader.src.ports import Exchange


async def exchange_for(settings: Settings, clock: Clock, redis: Redis, database: Database) -> Exchange:
    """Binance (live), a twin over HTTP (SIMULATOR_URL), or matching in process on live prices (paper).

    Raises:
        ConfigurationError: the keys are missing, refused or can do more than they should.
    """
    if settings.trading_mode is TradingMode.LIVE or settings.simulator_url:
        executor = BinanceExecutor(settings, clock, redis=redis)
        await executor.prepare()
        return executor
    from trader.src.adapters.paper import PaperExchange  # the matching engine is loaded only when used

    paper = PaperExchange(settings, clock, redis, database)
    await paper.prepare()
    return paper
