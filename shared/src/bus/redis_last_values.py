"""The newest values on Redis: one key for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio import Redis

from shared.src.bus.ports import LastValue
from shared.src.redis_client import translated

SCAN = 1_000  # keys that one step of a search looks at


class RedisLastValues:
    """Implements ``shared.src.bus.ports.LastValues``."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        if not names:
            return []
        async with translated():
            found: list[Any] = await self._redis.mget(names)
        return found

    async def matching(self, pattern: str) -> dict[str, bytes]:
        async with translated():
            names: list[Any] = [name async for name in self._redis.scan_iter(match=pattern, count=SCAN)]
            names.sort()
            values: list[Any] = await self._redis.mget(names) if names else []
        # one may have been forgotten between the two
        return {name.decode(): value for name, value in zip(names, values, strict=True) if value is not None}

    async def put(self, values: Iterable[LastValue]) -> None:
        async with translated():
            pipeline = self._redis.pipeline(transaction=True)
            for each in values:
                pipeline.set(each.name, each.value, ex=each.keep_s)
            await pipeline.execute()
