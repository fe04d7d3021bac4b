"""The bus on a real Redis: nothing is lost between a crash and a restart, what breaks is buried with its reason."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from shared.src.contracts.orders import OrderFailed
from shared.src.contracts.topics import DEAD_LETTERS, ORDER_FAILED
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import Side
from shared.src.redis_client import RedisBus

pytestmark = pytest.mark.integration


def failed(number: int) -> OrderFailed:
    return OrderFailed(
        message_id=str(number),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        intent_id=f"int-{number}",
        symbol="BTCUSDC",
        side=Side.BUY,
        reason=str(Decimal(number)),
    )


async def letters(redis: Redis) -> list[dict[str, str]]:
    entries: Any = await redis.xrange(DEAD_LETTERS)
    return [orjson.loads(fields[b"d"]) for _, fields in entries]


async def consume_until(bus: RedisBus, done: asyncio.Event, timeout_s: float = 60) -> None:
    task = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(timeout_s):
            await done.wait()
            await asyncio.sleep(0.05)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_messages_arrive_in_order_and_once(redis: Redis) -> None:
    bus, done = RedisBus(redis, consumer="a"), asyncio.Event()
    seen: list[str] = []

    async def handle(message: OrderFailed) -> None:
        seen.append(message.message_id)
        if len(seen) == 100:
            done.set()

    bus.subscribe(ORDER_FAILED, handle, group="g")
    await bus.publish_many(ORDER_FAILED, [failed(number) for number in range(100)])
    await consume_until(bus, done)
    assert seen == [str(number) for number in range(100)]


async def test_what_was_not_acknowledged_comes_again_after_a_restart(redis: Redis) -> None:
    crashed, restarted = asyncio.Event(), asyncio.Event()
    seen: list[str] = []

    async def hang(message: OrderFailed) -> None:
        crashed.set()
        await asyncio.sleep(60)

    async def handle(message: OrderFailed) -> None:
        seen.append(message.message_id)
        restarted.set()

    first = RedisBus(redis, consumer="a")
    first.subscribe(ORDER_FAILED, hang, group="g")
    await first.publish(ORDER_FAILED, failed(1))
    await consume_until(first, crashed)
    second = RedisBus(redis, consumer="a")
    second.subscribe(ORDER_FAILED, handle, group="g")
    await consume_until(second, restarted)
    assert seen == ["1"]


async def test_a_transient_failure_is_retried_in_order(redis: Redis) -> None:
    bus, done = RedisBus(redis, consumer="a"), asyncio.Event()
    seen: list[str] = []

    async def handle(message: OrderFailed) -> None:
        seen.append(message.message_id)
        if seen == ["1"]:
            raise TransientError("database away")
        if message.message_id == "2":
            done.set()

    bus.subscribe(ORDER_FAILED, handle, group="g")
    await bus.publish_many(ORDER_FAILED, [failed(1), failed(2)])
    await consume_until(bus, done)
    assert seen == ["1", "1", "2"]


async def test_a_message_that_breaks_its_contract_is_buried_with_the_reason(redis: Redis) -> None:
    bus, done = RedisBus(redis, consumer="a"), asyncio.Event()

    async def handle(message: OrderFailed) -> None:
        done.set()

    bus.subscribe(ORDER_FAILED, handle, group="g")
    await redis.xadd(ORDER_FAILED.name, {b"d": b'{"intent_id": 7}'})
    await bus.publish(ORDER_FAILED, failed(1))
    await consume_until(bus, done)
    (read,) = await letters(redis)
    assert "message_id: Field required" in read["reason"]
    assert read["payload"] == '{"intent_id": 7}'


async def test_a_handler_that_breaks_does_not_stop_the_stream(redis: Redis) -> None:
    bus, done = RedisBus(redis, consumer="a"), asyncio.Event()

    async def handle(message: OrderFailed) -> None:
        if message.message_id == "1":
            raise ZeroDivisionError("a bug")
        done.set()

    bus.subscribe(ORDER_FAILED, handle, group="g")
    await bus.publish_many(ORDER_FAILED, [failed(1), failed(2)])
    await consume_until(bus, done)
    (read,) = await letters(redis)
    assert "ZeroDivisionError: a bug" in read["reason"]


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
