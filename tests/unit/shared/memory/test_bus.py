"""The bus in memory does what the bus on Redis does, and says when nothing is left to do."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from shared.memory.bus import InMemoryBus
from shared.memory.streams import MemoryStream, MemoryStreams
from shared.src.contracts.topics import ORDER_FAILED
from tests.behaviour.shared.bus import (
    EFFECTS,
    WORK,
    BusBehaviour,
    Collector,
    OpenBus,
    Watcher,
    failed,
    ids,
    running,
    several,
)


class TestInMemoryBus(BusBehaviour):
    @pytest.fixture
    def open_bus(self) -> OpenBus:
        return partial(InMemoryBus, MemoryStreams())


async def test_it_is_idle_when_every_message_and_what_followed_from_it_is_handled() -> None:
    bus, passing_on, collector = InMemoryBus(), Collector(), Collector(away_times=1)
    bus.subscribe_fenced(WORK, passing_on.pass_on, group="g")
    bus.subscribe_batch(EFFECTS, collector.batch, group="g")
    await bus.publish_many(WORK, several(200))
    async with running(bus), asyncio.timeout(10):
        await bus.idle()
        assert ids(collector.seen) == list(range(200))
        await bus.publish(WORK, failed(200))
        await bus.idle()
        assert ids(collector.seen) == list(range(201))


async def test_what_a_follower_keeps_does_not_make_it_busy() -> None:
    bus, watcher = InMemoryBus(), Watcher(acts_up_to=4)
    bus.follow(WORK, watcher, group="f")
    await bus.publish_many(WORK, several(10))
    async with running(bus), asyncio.timeout(10):
        await bus.idle()
    assert watcher.acted == [0, 1, 2, 3, 4]


async def test_it_is_not_idle_as_long_as_nobody_runs_who_would_handle_what_waits() -> None:
    bus, collector = InMemoryBus(), Collector()
    bus.subscribe(ORDER_FAILED, collector.one, group="g")
    await bus.idle()
    await bus.publish(ORDER_FAILED, failed(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bus.idle()


async def test_a_second_process_of_a_group_waits_until_the_first_has_gone() -> None:
    streams, before, after = MemoryStreams(), Collector(), Collector()
    first, second = InMemoryBus(streams), InMemoryBus(streams)
    first.subscribe(ORDER_FAILED, before.one, group="g")
    second.subscribe(ORDER_FAILED, after.one, group="g")
    async with running(first):
        await asyncio.sleep(0)
        async with running(second):
            await first.publish(ORDER_FAILED, failed(1))
            await first.idle()
            assert [first.shares()["g"]["streams"], second.shares()["g"]["streams"]] == [[ORDER_FAILED.name], []]
    async with running(second):
        await first.publish(ORDER_FAILED, failed(2))
        await second.idle()
    assert [ids(before.seen), ids(after.seen)] == [[1], [2]]


def test_a_stream_keeps_its_newest_entries_and_what_a_group_has_still_to_handle() -> None:
    stream: MemoryStream[bytes] = MemoryStream("s", maxlen=3)
    for number in range(1, 6):
        stream.append(b"%d" % number)
    assert stream.read(0, 10) == [(3, b"3"), (4, b"4"), (5, b"5")]
    assert stream.position("g") == 2
    for number in range(6, 9):
        stream.append(b"%d" % number)
    assert [number for number, _ in stream.read(0, 10)] == [3, 4, 5, 6, 7, 8]
    assert stream.read(4, 2) == [(5, b"5"), (6, b"6")]
    stream.commit("g", 7)
    assert [number for number, _ in stream.read(0, 10)] == [6, 7, 8]
