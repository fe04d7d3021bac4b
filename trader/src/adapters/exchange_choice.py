"""The exchange behind the venue that the settings choose."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import assert_never

from redis.asyncio import Redis

from shared.src.bus.ports import Notices
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.exchange.venue import Venue, venue_of
from shared.src.retry import Backoff, until_done
from trader.src.binance_executor import BinanceExecutor
from trader.src.ports import Exchange

logger = logging.getLogger(__name__)

PREPARE = Backoff(first_s=1.0, max_s=20.0)


async def exchange_for(
    settings: Settings, clock: Clock, database: Database, *, redis: Redis, notices: Notices
) -> Exchange:
    """The exchange, ready to trade; waits until it answers as it should.

    Raises:
        ConfigurationError: the keys are missing, refused or can do more than they should.
    """
    match venue := venue_of(settings):
        case Venue.BINANCE | Venue.TWIN:
            executor = BinanceExecutor(settings, clock, redis=redis)
            await _patiently(executor.prepare, clock)
            return executor
        case Venue.PAPER:
            from trader.src.adapters.paper import PaperExchange  # the matching engine is loaded only when used

            paper = PaperExchange(settings, clock, database, redis=redis, notices=notices)
            await _patiently(paper.prepare, clock)
            return paper
        case _:
            assert_never(venue)


async def _patiently(prepare: Callable[[], Awaitable[None]], clock: Clock) -> None:
    def on_failure(error: TransientError) -> None:
        logger.warning("the exchange is not ready, asked again", extra={"reason": str(error)})

    await until_done(prepare, PREPARE, sleep=clock.sleep, on_failure=on_failure)
