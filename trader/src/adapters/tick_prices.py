"""The latest best bid and ask: from the newest ticks, or asked of the exchange when those are old or missing."""

from __future__ import annotations

import asyncio
import logging

from shared.src.bus.ports import LastValues
from shared.src.contracts.market import MarketTick
from shared.src.contracts.topics import KAFKA_TICK, TICK_KEY
from shared.src.domain.clock import Clock, to_ms
from shared.src.domain.errors import ContractError, TransientError
from shared.src.exchange.models import BookTicker
from trader.src.ports import Exchange

# Older ticks say nothing about now; in wall seconds, whatever the pace of the market clock.
AGE_S_MAX = 3.0  # with ASKED_S: no more than PRICE_AGE_S_MAX of the exits
ASKED_S = 0.5
# A store of values that does not answer for so long is away: a stop that the price jumped over must not wait for it.
PATIENCE_S = 1.0

logger = logging.getLogger(__name__)


class TickPrices:
    """Implements ``trader.src.ports.Prices``."""

    def __init__(self, values: LastValues, exchange: Exchange, clock: Clock, *, patience_s: float = PATIENCE_S) -> None:
        self._values = values
        self._exchange = exchange
        self._clock = clock
        self._patience_s = patience_s
        self._asked: dict[str, tuple[float, BookTicker]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def ticker(self, symbol: str) -> BookTicker:
        tick = await self._tick(symbol)
        return _ticker_of(tick) if tick is not None and self._is_fresh(tick) else await self._ask(symbol)

    async def latest(self, symbol: str) -> BookTicker | None:
        tick = await self._tick(symbol)
        return None if tick is None else _ticker_of(tick)

    async def _tick(self, symbol: str) -> MarketTick | None:
        """The newest one that was told; None where there is none, or nobody can say: the exchange is asked instead."""
        try:
            async with asyncio.timeout(self._patience_s):
                (raw,) = await self._values.get([TICK_KEY.format(symbol=symbol)])
            return None if raw is None else KAFKA_TICK.decode(raw)
        except (TransientError, TimeoutError) as error:
            logger.warning("no ticks, the exchange is asked", extra={"symbol": symbol, "reason": str(error)})
        except ContractError:
            pass  # another writer's format
        return None

    def _is_fresh(self, tick: MarketTick) -> bool:
        age_s = (self._clock.now_ms() - to_ms(tick.occurred_at)) / 1000
        return age_s <= AGE_S_MAX * self._clock.speed

    async def _ask(self, symbol: str) -> BookTicker:
        async with self._locks.setdefault(symbol, asyncio.Lock()):
            known = self._asked.get(symbol)
            if known is not None and self._clock.monotonic() - known[0] < ASKED_S:
                return known[1]
            ticker = await self._exchange.ticker(symbol)
            self._asked[symbol] = (self._clock.monotonic(), ticker)
            return ticker


def _ticker_of(tick: MarketTick) -> BookTicker:
    return BookTicker(tick.symbol, tick.bid, tick.bid_quantity, tick.ask, tick.ask_quantity)
