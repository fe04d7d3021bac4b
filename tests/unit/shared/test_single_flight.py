"""One reading serves many readers; a failure is never remembered; what is forgotten is read again."""

from __future__ import annotations

import asyncio

import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import TransientError
from shared.src.single_flight import SharedCache


class Source:
    """Counts its readings. Each takes a turn of the loop, or until ``released``."""

    def __init__(self) -> None:
        self.reads = 0
        self.error: Exception | None = None
        self.released = asyncio.Event()
        self.released.set()

    async def read(self) -> int:
        self.reads += 1
        number = self.reads
        await asyncio.sleep(0)
        await self.released.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_readers_at_the_same_time_share_one_reading() -> None:
    cache, source = SharedCache(ManualClock()), Source()
    assert await asyncio.gather(*(cache.get("key", source.read) for _ in range(50))) == [1] * 50


async def test_a_reading_is_shared_however_long_it_takes() -> None:
    clock, source = ManualClock(), Source()
    cache = SharedCache(clock, ttl_s=0.5)
    source.released.clear()
    first = asyncio.create_task(cache.get("key", source.read))
    await asyncio.sleep(0)
    clock.advance(60)
    second = asyncio.create_task(cache.get("key", source.read))
    await asyncio.sleep(0)
    source.released.set()
    assert [await first, await second] == [1, 1]


async def test_an_answer_grows_old() -> None:
    clock, source = ManualClock(), Source()
    cache = SharedCache(clock, ttl_s=0.5)
    assert await cache.get("key", source.read) == 1
    clock.advance(0.4)
    assert await cache.get("key", source.read) == 1
    clock.advance(0.2)
    assert await cache.get("key", source.read) == 2


async def test_an_answer_that_is_to_be_fresh_is_read_each_time() -> None:
    cache, source = SharedCache(ManualClock(), ttl_s=0), Source()
    assert [await cache.get("key", source.read) for _ in range(3)] == [1, 2, 3]


async def test_a_failure_reaches_every_reader_and_is_forgotten() -> None:
    cache, source = SharedCache(ManualClock()), Source()
    source.error = TransientError("database: away")
    answers = await asyncio.gather(*(cache.get("key", source.read) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, TransientError) for answer in answers)
    source.error = None
    assert await cache.get("key", source.read) == 2


async def test_a_reader_that_leaves_does_not_take_the_answer_from_the_others() -> None:
    cache, source = SharedCache(ManualClock()), Source()
    leaving = asyncio.ensure_future(cache.get("key", source.read))
    staying = asyncio.ensure_future(cache.get("key", source.read))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 1
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_who_asks_after_it_was_cleared_does_not_get_a_reading_that_began_before() -> None:
    cache, source = SharedCache(ManualClock()), Source()
    source.released.clear()
    before = asyncio.create_task(cache.get("key", source.read))
    await asyncio.sleep(0)
    cache.clear()
    after = asyncio.create_task(cache.get("key", source.read))
    await asyncio.sleep(0)
    source.released.set()
    assert [await before, await after] == [1, 2]
    assert await cache.get("key", source.read) == 2


async def test_the_memory_of_answers_is_bounded_and_the_oldest_go_first() -> None:
    cache, source = SharedCache(ManualClock(), size_max=3), Source()
    for key in range(5):
        await cache.get(key, source.read)
    assert len(cache) == 3
    assert [await cache.get(key, source.read) for key in (2, 3, 4)] == [3, 4, 5]
    assert await cache.get(0, source.read) == 6
