"""One budget of WebSocket connections for all services on one address, kept in Redis.

Binance allows 300 attempts in five minutes per IP, whatever becomes of them, and bans who goes on. It also refuses
streams to an address that it has banned for its calls. Without Redis each process counts for itself.
"""

from __future__ import annotations

import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.src.clocks import SystemClock
from shared.src.domain.errors import TransientError
from shared.src.exchange.weights import WeightBudget

logger = logging.getLogger(__name__)

KEY = "roottrading:exchange:connections"
WINDOW_MS = 300_000
ATTEMPTS_MAX = 250  # of 300; the rest is left to other programs on this address


class ConnectionBudget:
    """Asked before every attempt to connect. ``client`` None: this process counts alone."""

    def __init__(self, client: Redis | None, weights: WeightBudget, *, limit: int = ATTEMPTS_MAX) -> None:
        self._redis = client
        self._weights = weights
        self._limit = limit
        self._clock = SystemClock()
        self._window = 0
        self._counted = 0

    async def take(self) -> None:
        """Count an attempt.

        Raises:
            TransientError: the exchange refuses this address now, or would after one more attempt.
        """
        await self._weights.check_block()
        window = self._clock.now_ms() // WINDOW_MS
        if window != self._window:
            self._window, self._counted = window, 0
        self._counted += 1
        if max(self._counted, await self._shared(window)) > self._limit:
            left_s = ((window + 1) * WINDOW_MS - self._clock.now_ms()) / 1000
            raise TransientError(f"{self._limit} connections in five minutes; none for another {left_s:.0f} s")

    async def _shared(self, window: int) -> int:
        """How many there were of all services in this window, this one included."""
        if self._redis is None:
            return 0
        key = f"{KEY}:{window}"
        try:
            count = int(await self._redis.incr(key))
            await self._redis.pexpire(key, 2 * WINDOW_MS)
        except RedisError as error:
            logger.warning("connections counted alone", extra={"reason": type(error).__name__})
            return 0
        return count
