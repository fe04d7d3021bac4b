"""The exchange behind the venue that the settings choose."""

from __future__ import annotations

from typing import assert_never

from redis.asyncio import Redis

from shared.src.bus.ports import Notices
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.exchange.venue import Venue, venue_of
from trader.src.binance_executor import BinanceExecutor
from trader.src.ports import Exchange


async def exchange_for(
    settings: Settings, clock: Clock, database: Database, *, redis: Redis, notices: Notices
) -> Exchange:
    """The exchange, ready to trade.

    Raises:
        ConfigurationError: the keys are missing, refused or can do more than they should.
    """
    match venue := venue_of(settings):
        case Venue.BINANCE | Venue.TWIN:
            executor = BinanceExecutor(settings, clock, redis=redis)
            await executor.prepare()
            return executor
        case Venue.PAPER:
            from trader.src.adapters.paper import PaperExchange  # the matching engine is loaded only when used

            paper = PaperExchange(settings, clock, database, redis=redis, notices=notices)
            await paper.prepare()
            return paper
        case _:
            assert_never(venue)
