"""The bus on a real Redis does what every bus does; its replicas are in test_partitions."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from redis.asyncio import Redis

from shared.src.bus.leases import Fence, Lease
from shared.src.contracts.topics import ORDER_FAILED
from shared.src.domain.errors import LeaseLostError
from shared.src.redis_client import RedisBus
from tests.behaviour.shared.bus import BusBehaviour, OpenBus, several

pytestmark = pytest.mark.integration


class TestRedisBus(BusBehaviour):
    @pytest.fixture
    def open_bus(self, redis: Redis) -> OpenBus:
        return partial(RedisBus, redis, consumer="test")


async def test_under_a_lost_lease_nothing_is_published_and_nothing_confirmed(redis: Redis) -> None:
    bus, fence = (
        RedisBus(redis, consumer="a"),
        Fence("leases", (Lease("work", "a/1", b"0-0"), Lease("other", "a/2", b"0-0"))),
    )
    await redis.hset("leases", mapping={"work": "a/1", "other": "a/2"})
    await bus.confirm(fence)
    await bus.publish_under(fence, ORDER_FAILED, several(2))
    await redis.hset("leases", "other", "b/1")
    with pytest.raises(LeaseLostError, match="other went to another replica"):
        await bus.publish_under(fence, ORDER_FAILED, several(2))
    with pytest.raises(LeaseLostError):
        await bus.confirm(fence)
    assert await redis.xlen(ORDER_FAILED.name) == 2


async def test_a_task_that_notifies_ends_when_cancelled_at_any_step(redis: Redis) -> None:
    bus, over = RedisBus(redis, consumer="a"), asyncio.Event()
    await bus.notify("here", b"")  # the connection is there

    async def notify() -> None:
        while not over.is_set():
            await bus.notify("here", b"")

    for steps in range(16):
        task = asyncio.create_task(notify())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=2)
        over.set()
        await asyncio.wait([task])
        over.clear()
        assert task.cancelled(), f"the cancellation after {steps} steps was lost"
        assert await redis.ping()  # whatever was under way, the next one gets its own answer
