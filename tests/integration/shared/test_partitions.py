"""Replicas that share a partitioned topic: who comes, goes, dies or sleeps loses and doubles nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.src.bus.dead_letters import DeadLetter
from shared.src.bus.leases import BEAT_S, MEMBER_TTL_MS, GroupMember, shares
from shared.src.bus.ports import Delivery, FencedPublisher
from shared.src.config import Settings
from shared.src.contracts.orders import OrderFailed
from shared.src.contracts.topics import DEAD_LETTERS, PARTITIONS, PARTITIONS_KEY, Topic
from shared.src.domain.orders import Side
from shared.src.redis_client import RedisBus, redis_from
from tests.streams import messages_of

pytestmark = pytest.mark.integration

WORK = Topic("test:work", OrderFailed, partitioned=True)
EFFECTS = Topic("test:effects", OrderFailed, partitioned=True)
KEYS = [f"COIN{number}USDC" for number in range(40)]
Handler = Callable[[list[OrderFailed], FencedPublisher], Awaitable[None]]


def work(key: str, number: int) -> OrderFailed:
    return OrderFailed(
        message_id=f"{key}:{number}",
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        intent_id=str(number),
        symbol=key,
        side=Side.BUY,
        reason="",
    )


class Replica:
    """One member of the group, in a task; it passes on what it gets."""

    def __init__(self, settings: Settings, handler: Handler | None = None) -> None:
        self.redis = redis_from(settings)
        self.bus = RedisBus(self.redis, consumer="test")
        self.seen: list[OrderFailed] = []
        self.owns: Callable[[str], bool] = lambda _: False
        self.bus.subscribe_fenced(WORK, handler or self.pass_on, group="g", on_rebalance=self.rebalanced)
        self.task: asyncio.Task[None] | None = None

    def rebalanced(self, owns: Callable[[str], bool]) -> None:
        self.owns = owns

    async def pass_on(self, messages: list[OrderFailed], publisher: FencedPublisher) -> None:
        self.seen += messages
        await publisher.publish_many(EFFECTS, messages)

    def start(self) -> Replica:
        self.task = asyncio.create_task(self.bus.run())
        return self

    @property
    def streams(self) -> int:
        found = self.bus.shares().get("g")
        return len(found["streams"]) if found else 0

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def die(self) -> None:
        """What the kernel does to a killed process: nothing runs on, every connection is closed."""

        async def nothing() -> None:
            pass

        for member in self.bus._members.values():
            member.leave = member.beat = nothing  # type: ignore[method-assign]
            async with member._beating:  # a heartbeat under way would connect again
                await member._pulse.connection_pool.disconnect()
        await self.stop()


@asynccontextmanager
async def replicas(*members: Replica) -> AsyncIterator[None]:
    for member in members:
        member.start()
    try:
        yield
    finally:
        for member in members:
            if member.task is not None and not member.task.done():
                await member.stop()
            await member.redis.aclose()


async def until(done: Callable[[], Any], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while True:
            answer = done()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.01)


async def effects_of(redis: Redis) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for message in await messages_of(redis, EFFECTS):
        found[message.symbol].append(int(message.intent_id))
    return found


async def publish(bus: RedisBus, numbers: range) -> None:
    for number in numbers:
        await bus.publish_many(WORK, [work(key, number) for key in KEYS])


def test_every_stream_has_one_owner_and_the_shares_differ_by_one_at_most() -> None:
    for count in range(1, 33):
        for members in range(1, 40):
            found = shares(count, members)
            assert sum(found) == count
            assert max(found) - min(found) <= 1


def test_a_key_is_always_in_the_same_stream_and_every_stream_is_used() -> None:
    assert [WORK.stream_of("BTCUSDC", 16), WORK.stream_of("ETHUSDC", 16)] == ["test:work:4", "test:work:11"]
    assert {WORK.stream_of(f"A{number}USDC", 16) for number in range(400)} == set(WORK.streams(16))
    assert WORK.streams(1) == ("test:work",)


async def test_what_is_stored_decides_how_many_partitions_there_are(redis: Redis) -> None:
    first, second = RedisBus(redis, consumer="a", partitions=4), RedisBus(redis, consumer="b", partitions=8)
    assert [await first.partitions(), await second.partitions()] == [4, 4]
    assert await redis.get(PARTITIONS_KEY) == b"4"


@asynccontextmanager
async def two_members(redis: Redis) -> AsyncIterator[tuple[GroupMember, GroupMember]]:
    """A group of two with half of the streams each; heartbeats are up to the test."""
    pair = GroupMember(redis, "g", "a"), GroupMember(redis, "g", "b")
    for member in pair:
        member.want(WORK.streams(PARTITIONS))
        await member.beat()
    try:
        await pair[0].beat()
        await pair[0].give_up(pair[0].surplus)
        await pair[1].beat()
        assert [len(member.leases) for member in pair] == [PARTITIONS // 2, PARTITIONS // 2]
        yield pair
    finally:
        for member in pair:
            await member.leave()


async def let_pass(redis: Redis, member: GroupMember, seconds: float) -> None:
    """As if the last heartbeat were older."""
    stored: Any = await redis.hget(member._members_key, member.name)
    since, ends, client = stored.decode().split(":")
    await redis.hset(member._members_key, member.name, f"{since}:{int(ends) - round(seconds * 1000)}:{client}")


async def test_who_is_silent_while_others_beat_loses_its_leases(redis: Redis) -> None:
    async with two_members(redis) as (one, silent):
        await let_pass(redis, silent, MEMBER_TTL_MS / 1000 + BEAT_S)
        await one.beat()
        assert (one.members, len(one.leases)) == (("a",), PARTITIONS)


async def test_a_machine_that_stood_still_as_a_whole_moves_no_lease(redis: Redis) -> None:
    async with two_members(redis) as pair:
        before = [dict(member.leases) for member in pair]
        for member in pair:
            await let_pass(redis, member, 60)
        for member in (*pair, *pair):
            await member.beat()
            assert member.members == ("a", "b")
        assert [member.leases for member in pair] == before


async def test_who_stays_silent_after_the_machine_stood_still_loses_its_leases_all_the_same(redis: Redis) -> None:
    async with two_members(redis) as (one, silent):
        for _ in range(MEMBER_TTL_MS // 1000 + 1):  # a machine so slow that a heartbeat takes a minute
            for member in (one, silent):
                await let_pass(redis, member, 60)
            await one.beat()
        assert (one.members, len(one.leases)) == (("a",), PARTITIONS)


async def test_a_lease_whose_answer_was_lost_on_the_way_does_not_stay_with_nobody(
    redis: Redis, bus: RedisBus, settings: Settings
) -> None:
    one = Replica(settings)
    async with replicas(one):
        await until(lambda: one.streams == PARTITIONS)
        (member,) = one.bus._members.values()
        del member.leases[WORK.stream_of(KEYS[0], PARTITIONS)]
        await publish(bus, range(1))
        await until(lambda: len(one.seen) == len(KEYS))


async def test_a_position_committed_just_before_its_lease_went_is_no_failure(redis: Redis) -> None:
    async with two_members(redis) as (member, _):
        commit, (stream, *_) = member._commit, member.leases

        async def commit_and_lose(**arguments: Any) -> Any:
            answer = await commit(**arguments)
            member._drop_lost({})
            return answer

        member._commit = commit_and_lose  # type: ignore[assignment]
        await member.commit({stream: b"1-0"})
        (group,) = await redis.xinfo_groups(stream)
        assert group["last-delivered-id"] == b"1-0"


async def test_replicas_share_the_work_evenly_and_keep_the_order_of_each_key(
    redis: Redis, bus: RedisBus, settings: Settings
) -> None:
    members = [Replica(settings) for _ in range(3)]
    async with replicas(*members):
        await until(lambda: sorted(member.streams for member in members) == [5, 5, 6])
        await publish(bus, range(20))
        await until(lambda: sum(len(member.seen) for member in members) == 20 * len(KEYS))
        await asyncio.sleep(0.05)
        handled = [{message.symbol for message in member.seen} for member in members]
        for member, symbols in zip(members, handled, strict=True):
            assert symbols == {key for key in KEYS if member.owns(key)}
    assert sum(len(symbols) for symbols in handled) == len(KEYS)
    assert await effects_of(redis) == {key: list(range(20)) for key in KEYS}


async def test_who_comes_and_goes_in_order_loses_and_doubles_nothing(
    redis: Redis, bus: RedisBus, settings: Settings
) -> None:
    first, second, third = (Replica(settings) for _ in range(3))
    async with replicas(first):
        await publish(bus, range(10))
        async with replicas(second):
            await publish(bus, range(10, 20))
            await until(lambda: second.streams == PARTITIONS // 2)
            async with replicas(third):
                await publish(bus, range(20, 40))
                await until(lambda: third.streams == PARTITIONS // 3)
                await first.stop()
                await publish(bus, range(40, 60))
                await until(lambda: second.streams + third.streams == PARTITIONS)
            await until(lambda: second.streams == PARTITIONS)
            await publish(bus, range(60, 70))
            await until(lambda: sum(len(one.seen) for one in (first, second, third)) >= 70 * len(KEYS))
    assert await effects_of(redis) == {key: list(range(70)) for key in KEYS}


async def test_a_dead_replica_is_followed_at_once_and_its_unfinished_work_is_done_again(
    redis: Redis, bus: RedisBus, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def hang(messages: list[OrderFailed], publisher: FencedPublisher) -> None:
        await asyncio.sleep(60)

    victim, heir = Replica(settings, hang), Replica(settings)
    async with replicas(victim):
        await until(lambda: victim.streams == PARTITIONS)
        async with replicas(heir):
            await until(lambda: heir.streams == PARTITIONS // 2)
            await publish(bus, range(5))
            await asyncio.sleep(0.1)
            await victim.die()
            await until(lambda: len(heir.seen) == 5 * len(KEYS))
            assert "replica is gone" in caplog.messages  # known by its connection, not by its silence
    assert await effects_of(redis) == {key: list(range(5)) for key in KEYS}


async def test_who_wakes_up_after_the_lease_went_publishes_nothing(
    redis: Redis, bus: RedisBus, settings: Settings
) -> None:
    asleep, wake_up = asyncio.Event(), asyncio.Event()

    async def sleep_first(messages: list[OrderFailed], publisher: FencedPublisher) -> None:
        if not asleep.is_set():
            asleep.set()
            await wake_up.wait()
        await sleeper.pass_on(messages, publisher)

    sleeper, heir = Replica(settings, sleep_first), Replica(settings)
    async with replicas(sleeper):
        await until(lambda: sleeper.streams == PARTITIONS)
        (member,) = sleeper.bus._members.values()
        await publish(bus, range(1))
        await asleep.wait()
        async with member._beating:  # no heartbeat comes from a paused process
            await redis.hdel(member._members_key, member.name)
            async with replicas(heir):
                await until(lambda: len(heir.seen) == len(KEYS))
                wake_up.set()
                await until(lambda: len(sleeper.seen) > 0)
                await asyncio.sleep(0.1)
                assert await effects_of(redis) == {key: [0] for key in KEYS}
    assert await effects_of(redis) == {key: [0] for key in KEYS}


async def test_work_goes_on_after_redis_lost_everything(redis: Redis, bus: RedisBus, settings: Settings) -> None:
    one, other = Replica(settings), Replica(settings)
    async with replicas(one, other):
        await publish(bus, range(3))
        await until(lambda: len(one.seen) + len(other.seen) == 3 * len(KEYS))
        await redis.flushdb()
        await publish(bus, range(3, 6))

        async def all_there() -> bool:
            return await effects_of(redis) == {key: [3, 4, 5] for key in KEYS}

        await until(all_there)


class Watcher:
    """A follower that breaks on one message."""

    def __init__(self, settings: Settings) -> None:
        self.redis = redis_from(settings)
        self.bus = RedisBus(self.redis, consumer="test")
        self.bus.follow(WORK, self, group="f")
        self.seen: list[str] = []
        self.acted: list[str] = []
        self._due: list[Delivery[OrderFailed]] = []

    async def restart(self, waiting: Sequence[OrderFailed]) -> None:
        self._due.clear()

    def take(self, deliveries: Sequence[Delivery[OrderFailed]]) -> None:
        self._due += deliveries

    async def act(self, publisher: FencedPublisher) -> None:
        while self._due:
            first = self._due[0]
            if first.mine and first.message.message_id == f"{KEYS[0]}:1":
                raise ZeroDivisionError("a bug")
            self.seen.append(first.message.message_id)
            if first.mine:
                self.acted.append(first.message.message_id)
            first.done = True
            self._due.pop(0)

    def give_up(self) -> OrderFailed:
        self._due[0].done = True
        return self._due.pop(0).message


async def test_followers_see_everything_act_on_their_own_and_survive_what_breaks_them(
    redis: Redis, bus: RedisBus, settings: Settings
) -> None:
    watchers = [Watcher(settings), Watcher(settings)]
    tasks = [asyncio.create_task(watcher.bus.run()) for watcher in watchers]
    half, broken = PARTITIONS // 2, f"{KEYS[0]}:1"
    everything = {f"{key}:{number}" for key in KEYS for number in range(3)}
    await until(lambda: [len(one.bus.shares().get("f", {}).get("streams", ())) for one in watchers] == [half, half])
    await publish(bus, range(3))
    # at least once: what was acted on and not committed when a lease went is acted on again
    await until(lambda: set().union(*(watcher.acted for watcher in watchers)) == everything - {broken})
    await until(lambda: all(set(watcher.seen) >= everything - {broken} for watcher in watchers))
    await until(lambda: redis.exists(DEAD_LETTERS))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    letters: Any = await redis.xrange(DEAD_LETTERS)
    different = {DeadLetter.decode(fields[b"d"]) for _, fields in letters}
    assert [letter.reason for letter in different] == ["ZeroDivisionError: a bug"]
    for watcher in watchers:
        await watcher.redis.aclose()
