"""One reading serves many readers; a failure is never remembered; amounts leave as text."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from portfolio.src.models import SharedCache, shown
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import TransientError


class Source:
    def __init__(self) -> None:
        self.reads = 0
        self.error: Exception | None = None

    async def read(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.reads


async def test_readers_at_the_same_time_share_one_reading() -> None:
    cache, source = SharedCache(ManualClock()), Source()
    assert await asyncio.gather(*(cache.get("key", source.read) for _ in range(50))) == [1] * 50


async def test_an_answer_grows_old() -> None:
    clock, source = ManualClock(), Source()
    cache = SharedCache(clock, ttl_s=0.5)
    assert await cache.get("key", source.read) == 1
    clock.advance(0.4)
    assert await cache.get("key", source.read) == 1
    clock.advance(0.2)
    assert await cache.get("key", source.read) == 2


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


def test_amounts_leave_as_text_and_times_with_their_zone() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert shown({"a": Decimal("1E-8"), "b": [Decimal("10.50")], "c": at, "d": None}) == {
        "a": "0.00000001",
        "b": ["10.5"],
        "c": "2026-01-01T00:00:00+00:00",
        "d": None,
    }
