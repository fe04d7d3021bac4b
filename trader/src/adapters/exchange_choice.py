"""The exchange behind the venue that the settings choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from redis.asyncio import Redis

from shared.src.bus.ports import Notices
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.exchange.venue import Venue, venue_of
from trader.src.binance_executor import BinanceExecutor
from trader.src.ports import OwnExchange


def exchange_for(
    settings: Settings, clock: Clock, database: Database, *, redis: Redis, notices: Notices, fence: Callable[[], None]
) -> OwnExchange:
    """The exchange, not asked for anything yet. ``fence`` is called right before anything is sent to it."""
    match venue := venue_of(settings):
        case Venue.BINANCE | Venue.TWIN:
            return BinanceExecutor(settings, clock, redis=redis, fence=fence)
        case Venue.PAPER:
            from trader.src.adapters.paper import PaperExchange  # the matching engine is loaded only when used

            return PaperExchange(settings, clock, database, redis=redis, notices=notices, fence=fence)
        case _:
            assert_never(venue)
