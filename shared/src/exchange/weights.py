"""One budget of request weight for all services on one address, kept in Redis.

Binance counts weight per IP and minute and answers 429, then 418 (a ban), to those who go on (binance.md section 4).
Every service takes from the same counter before it asks, adopts what the exchange says was used, and nobody asks
while the exchange told anyone to wait. Orders and cancels weigh nothing when they succeed and never queue here;
they only respect a ban. Without Redis each process counts for itself: trading does not stop with it.
"""

from __future__ import annotations

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.src.clocks import SystemClock
from shared.src.domain.errors import TransientError
from shared.src.exchange.calls import Urgency

logger = logging.getLogger(__name__)

KEY = "roottrading:exchange:weight"
BLOCKED_KEY = "roottrading:exchange:blocked_until_ms"
MINUTE_MS = 60_000
LIMIT_1M = 6000
WAIT_S_MAX = 65.0
AT_ONCE_MAX = 16  # questions to Redis; the other connections of a service are for its work


# KEYS: counter, block. ARGV: weight, ceiling. Answers {0, 0} taken, {1, ms} blocked for ms, {2, 0} used up.
TAKE = """
local blocked = redis.call('PTTL', KEYS[2])
if blocked > 0 then return {1, blocked} end
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return {2, 0} end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 120000)
return {0, 0}
"""
# The exchange's own count is at least as true as ours.
RAISE = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > used then redis.call('SET', KEYS[1], ARGV[1], 'PX', 120000) end
return 0
"""


class WeightBudget:
    """Takes weight before a call. ``client`` None: this process counts alone (tools, tests)."""

    def __init__(self, client: Redis | None, *, address: str = "", limit_1m: int = LIMIT_1M) -> None:
        self._redis = client
        self._suffix = f":{address}" if address else ""
        self._limit = limit_1m
        self._clock = SystemClock()
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._local_minute = 0
        self._local_used = 0
        self._local_blocked_until_ms = 0

    async def take(self, weight: int, urgency: Urgency = Urgency.BULK) -> None:
        """Wait until ``weight`` may be used.

        Raises:
            TransientError: no room within 65 s; for a critical call, no room now.
        """
        ceiling = int(self._limit * urgency.value)
        deadline = self._clock.monotonic() + WAIT_S_MAX
        while True:
            wait_s = await self._try(weight, ceiling)
            if wait_s <= 0:
                return
            if urgency is Urgency.CRITICAL:
                raise TransientError(f"no request weight for another {wait_s:.0f} s")
            if self._clock.monotonic() + wait_s > deadline:
                raise TransientError(f"no request weight left for {wait_s:.0f} s")
            await asyncio.sleep(wait_s)

    async def check_block(self) -> None:
        """For orders, which weigh nothing.

        Raises:
            TransientError: the exchange told us to wait.
        """
        wait_s = await self.blocked_s()
        if wait_s > 0:
            raise TransientError(f"the exchange refuses calls for another {wait_s:.0f} s")

    async def block(self, seconds: float) -> None:
        """The exchange answered 429 or 418: nobody asks for ``seconds``."""
        until = max(1, int(seconds * 1000))
        self._local_blocked_until_ms = max(self._local_blocked_until_ms, self._clock.now_ms() + until)
        logger.warning("exchange refuses calls", extra={"for_s": seconds})
        if self._redis is not None:
            try:
                await self._redis.set(BLOCKED_KEY + self._suffix, b"1", px=until)
            except RedisError as error:
                logger.warning("block not shared", extra={"reason": str(error)})

    async def observe(self, used_1m: int) -> None:
        """The exchange says what was used in this minute."""
        self._roll()
        self._local_used = max(self._local_used, used_1m)
        if self._redis is not None and used_1m > self._limit * Urgency.BULK.value / 2:
            try:
                await self._redis.eval(RAISE, 1, self._key(), used_1m)
            except RedisError as error:
                logger.warning("weight not shared", extra={"reason": str(error)})

    async def blocked_s(self) -> float:
        """Seconds for which the exchange refuses calls; 0 when it does not."""
        local = (self._local_blocked_until_ms - self._clock.now_ms()) / 1000
        if self._redis is None:
            return max(0.0, local)
        try:
            shared_ms: int = await self._redis.pttl(BLOCKED_KEY + self._suffix)
        except RedisError:
            return max(0.0, local)
        return max(0.0, local, shared_ms / 1000)

    async def _try(self, weight: int, ceiling: int) -> float:
        """0 when the weight was taken, otherwise seconds to wait before trying again."""
        if self._redis is not None:
            try:
                async with self._at_once:
                    state, blocked_ms = await self._redis.eval(
                        TAKE, 2, self._key(), BLOCKED_KEY + self._suffix, weight, ceiling
                    )
            except RedisError as error:
                logger.warning("weight counted alone", extra={"reason": str(error)})
            else:
                waits_s = {0: 0.0, 1: int(blocked_ms) / 1000}
                return waits_s.get(int(state), self._rest_of_minute_s())
        return self._try_local(weight, ceiling)

    def _try_local(self, weight: int, ceiling: int) -> float:
        self._roll()
        blocked_ms = self._local_blocked_until_ms - self._clock.now_ms()
        if blocked_ms > 0:
            return blocked_ms / 1000
        if self._local_used + weight > ceiling:
            return self._rest_of_minute_s()
        self._local_used += weight
        return 0.0

    def _roll(self) -> None:
        minute = self._clock.now_ms() // MINUTE_MS
        if minute != self._local_minute:
            self._local_minute, self._local_used = minute, 0

    def _rest_of_minute_s(self) -> float:
        return (MINUTE_MS - self._clock.now_ms() % MINUTE_MS) / 1000 + 0.05

    def _key(self) -> str:
        return f"{KEY}{self._suffix}:{self._clock.now_ms() // MINUTE_MS}"
