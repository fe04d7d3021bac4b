"""Candles from REST: the history a start needs, and whatever a stream did not deliver."""

from __future__ import annotations

import logging

from gateway.src.ports import KlineSource
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.exchange.listing import ILLEGAL_NAME, NO_SUCH_SYMBOL
from shared.src.retry import Backoff, until_done

logger = logging.getLogger(__name__)

PAGE = 1000  # Binance's maximum
EXCHANGE_AWAY = Backoff(first_s=0.2, max_s=10.0)
NOT_CLOSED_YET = Backoff(first_s=0.5, max_s=8.0)
GRACE_MS = 30_000  # market time after which a candle without a follower counts as closed
GRACE_WALL_MS = 2_000  # and at least so much wall time: an accelerated exchange may be late by its own work


class HistoricalDataFetcher:
    """Pages through klines; keeps closed candles only. Repeats a call that failed in a way that may pass.

    A candle is closed when the exchange has opened the next one, or when its end is long past. A symbol that the
    exchange does not have has no candles; it is named in ``unlisted`` and holds up no other.
    """

    def __init__(self, source: KlineSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._grace_ms = max(GRACE_MS, GRACE_WALL_MS * clock.speed)
        self.requests = 0
        self.unlisted: set[str] = set()

    async def between(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> list[Candle]:
        """Closed candles that open from ``start_ms`` up to and excluding ``end_ms``."""
        found: list[Candle] = []
        cursor = start_ms
        while cursor < end_ms:
            # up to and including the candle after them: its existence proves that the last one is closed
            page = await self._page(symbol, timeframe, cursor, end_ms)
            closed = [
                candle
                for place, candle in enumerate(page)
                if candle.time < end_ms and (place + 1 < len(page) or self._is_long_past(candle))
            ]
            found.extend(closed)
            if len(page) < PAGE or not closed:
                break
            cursor = closed[-1].time + timeframe.milliseconds
        return found

    async def latest(self, symbol: str, timeframe: Timeframe, count: int) -> list[Candle]:
        """The newest ``count`` closed candles."""
        end_ms = timeframe.open_of(self._clock.now_ms())
        return await self.between(symbol, timeframe, end_ms - count * timeframe.milliseconds, end_ms)

    async def closed(self, symbol: str, timeframe: Timeframe, open_ms: int) -> list[Candle]:
        """The one candle that opens at ``open_ms``, waited for until it is surely closed; empty when the exchange has
        none. It is asked less and less often: symbols that stand still must not use up the request weight of all.
        """
        end_ms = open_ms + timeframe.milliseconds
        asked = 0
        while True:
            was_ms = self._clock.now_ms()
            found = await self.between(symbol, timeframe, open_ms, end_ms)
            if found or was_ms >= end_ms + self._grace_ms:
                return found
            asked += 1
            await self._clock.sleep(NOT_CLOSED_YET.after(asked))

    def _is_long_past(self, candle: Candle) -> bool:
        """For the last row of an answer, which usually still moves: our clock may be ahead of the exchange's, and its
        candles may be behind its trades.
        """
        return candle.is_closed and candle.close_time + self._grace_ms < self._clock.now_ms()

    async def _page(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> list[Candle]:
        async def ask() -> list[Candle]:
            self.requests += 1
            return await self._source.klines(symbol, timeframe, start_ms=start_ms, end_ms=end_ms, limit=PAGE)

        def note(error: TransientError) -> None:
            logger.warning("history waits", extra={"symbol": symbol, "reason": str(error)})

        try:
            found = await until_done(ask, EXCHANGE_AWAY, sleep=self._clock.sleep, on_failure=note)
        except RejectedError as error:
            if error.code not in {NO_SUCH_SYMBOL, ILLEGAL_NAME}:
                raise
            if symbol not in self.unlisted:
                logger.error("the exchange does not have this symbol; it is left out", extra={"symbol": symbol})
            self.unlisted.add(symbol)
            return []
        self.unlisted.discard(symbol)
        return found
