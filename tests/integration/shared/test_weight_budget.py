"""One budget of request weight for all services: they count together, and no one asks while one was told to wait."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from shared.src.domain.errors import TransientError
from shared.src.exchange.calls import Urgency
from shared.src.exchange.weights import BLOCKED_KEY, KEY, WeightBudget

pytestmark = pytest.mark.integration


async def counted(redis: Redis) -> int:
    """Over all minutes, as one may end while a test runs."""
    minutes = [key async for key in redis.scan_iter(f"{KEY}:*")]
    return sum(int(used or 0) for used in await redis.mget(minutes))


async def test_hundreds_of_calls_at_once_are_all_counted_together(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = WeightBudget(redis), WeightBudget(redis)
    await asyncio.gather(*(budget.take(2) for budget in (one, other) for _ in range(300)))
    assert await counted(redis) == 1200
    assert "weight counted alone" not in caplog.messages


async def test_what_one_used_up_is_left_to_the_more_urgent_calls_of_another(redis: Redis) -> None:
    one, other = WeightBudget(redis, limit_1m=100), WeightBudget(redis, limit_1m=100)
    await one.take(60)
    await other.take(25, Urgency.WATCH)
    await other.take(15, Urgency.CRITICAL)
    minutes = [key async for key in redis.scan_iter(f"{KEY}:*")]
    if len(minutes) == 1:  # else a new minute has begun, with a whole budget
        with pytest.raises(TransientError, match="no request weight"):
            await one.take(1, Urgency.CRITICAL)


async def test_who_is_told_to_wait_tells_everybody(redis: Redis) -> None:
    one, other = WeightBudget(redis), WeightBudget(redis)
    await one.block(600)
    assert 0 < await other.blocked_s() <= 600
    with pytest.raises(TransientError, match="refuses calls"):
        await other.check_block()
    with pytest.raises(TransientError, match="no request weight"):
        await other.take(1, Urgency.CRITICAL)
    await redis.delete(BLOCKED_KEY)
    await other.take(1, Urgency.CRITICAL)
