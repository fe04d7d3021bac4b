"""The bus on Redis: Streams with consumer groups for what must not be lost, pub/sub for what may be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pydantic import BaseModel
from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.src.bus.dead_letters import DEAD_LETTERS_MAX, DeadLetter
from shared.src.bus.handling import Subscription, one_by_one, without_fence
from shared.src.bus.leases import BEAT_S, PUBLISH, START, Fence, GroupMember, member_name
from shared.src.bus.ports import BATCH_MAX, BatchHandler, FencedHandler, FencedPublisher, Follower, Handler, Owns
from shared.src.bus.stream_consumer import BLOCK_MS, StreamConsumer, stream_entries
from shared.src.config import Settings
from shared.src.contracts.topics import DEAD_LETTERS, DURABLE, PARTITIONS, PARTITIONS_KEY, Topic
from shared.src.domain.errors import ContractError, LeaseLostError, TransientError
from shared.src.frame import metrics
from shared.src.retry import Backoff, until_done

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

StreamEntry = tuple[str, int, bytes, bytes]  # stream, entries kept of it, key, message


AWAY = Backoff(first_s=1.0, max_s=1.0)  # between two looks whether Redis is there again


class CancellableConnection(Connection):
    """A connection whose sending ends when its task is cancelled.

    redis-py sends under ``asyncio.wait_for``. Before Python 3.12 that drops a cancellation which arrives when the
    sending is just done (python/cpython#86296), and a loop around it would go on for ever.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        await super().send_packed_command(command, check_health)
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)  # nobody reads the answer
            raise asyncio.CancelledError


def redis_from(settings: Settings) -> Redis:
    """A client that reconnects by itself; replies are bytes."""
    pool = ConnectionPool(
        connection_class=CancellableConnection,
        host=settings.redis_host,
        port=settings.redis_port,
        db=settings.redis_db,
        password=settings.redis_password.get_secret_value() or None,
        socket_connect_timeout=5,
        socket_timeout=BLOCK_MS / 1000 + 10,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries=3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return Redis.from_pool(pool)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn whatever redis-py raises into the platform's own error."""
    try:
        yield
    except RedisError as error:
        raise TransientError(f"redis: {error}") from error


class RedisBus:
    """Implements ``shared.src.bus.ports.Bus``. Processes with buses that join a group share its streams.

    ``partitions`` is a wish: what the first process stored in Redis counts, so that all agree.
    """

    def __init__(self, client: Redis, *, consumer: str, partitions: int = PARTITIONS) -> None:
        self.redis = client
        self.dead_letter_count = 0
        self._name = f"{consumer}@{member_name()}"
        self._wished = partitions
        self._partitions: int | None = None
        self._subscriptions: list[Subscription] = []
        self._members: dict[str, GroupMember] = {}
        self._publish_fenced = client.register_script(PUBLISH)

    async def partitions(self) -> int:
        """How many streams a partitioned topic has: stored by whoever asked first."""
        if self._partitions is None:
            async with translated():
                await self.redis.set(PARTITIONS_KEY, self._wished, nx=True)
                self._partitions = int(await self.redis.get(PARTITIONS_KEY) or self._wished)
            if self._partitions != self._wished:
                logger.warning("partitions are as stored", extra={"stored": self._partitions, "wished": self._wished})
        return self._partitions

    async def publish(self, topic: Topic[M], message: M) -> None:
        await self.publish_many(topic, (message,))

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        entries = await self._entries_of(topic, messages)
        if not entries:
            return
        async with translated():
            # a transaction: a reader that waits for several streams finds everything at once
            pipeline = self.redis.pipeline(transaction=len(entries) > 1)
            for stream, maxlen, key, data in entries:
                fields: dict[Any, Any] = {b"k": key, b"d": data}
                pipeline.xadd(stream, fields, maxlen=maxlen, approximate=True)
            await pipeline.execute()
        metrics.MESSAGES_OUT.labels(topic.name).inc(len(entries))

    async def publish_under(self, fence: Fence, topic: Topic[M], messages: Iterable[M]) -> None:
        """Append messages, all of them or none, while the fence's leases hold.

        Raises:
            LeaseLostError: another process has one of the leases.
            TransientError: Redis is away.
        """
        entries = await self._entries_of(topic, messages)
        if entries:
            await self._append_under(fence, entries)
            metrics.MESSAGES_OUT.labels(topic.name).inc(len(entries))

    async def confirm(self, fence: Fence) -> None:
        """Ask Redis whether the fence's leases hold.

        Raises:
            LeaseLostError: another process has one of them.
            TransientError: Redis is away.
        """
        await self._append_under(fence, [])

    async def _entries_of(self, topic: Topic[M], messages: Iterable[M]) -> list[StreamEntry]:
        partitions = await self.partitions()
        maxlen = topic.stream_maxlen(partitions)
        entries = []
        for message in messages:
            key = topic.key_of(message)
            entries.append((topic.stream_of(key, partitions), maxlen, key.encode(), topic.encode(message)))
        return entries

    async def _append_under(self, fence: Fence, entries: list[StreamEntry]) -> None:
        arguments: list[Any] = [len(fence.leases), *fence.arguments()]
        for entry in entries:
            arguments += entry
        async with translated():
            lost: Any = await self._publish_fenced(keys=[fence.leases_key], args=arguments)
        if lost:
            raise LeaseLostError(f"{', '.join(name.decode() for name in lost)} went to another replica")

    async def publish_raw(self, topic_name: str, raw: bytes) -> None:
        topic: Topic[Any] | None = next((topic for topic in DURABLE if topic.name == topic_name), None)
        stream = topic_name
        if topic is not None:
            with contextlib.suppress(ContractError):
                stream = topic.stream_of(topic.key_of(topic.decode(raw)), await self.partitions())
        async with translated():
            await self.redis.xadd(stream, {b"d": raw})

    def subscribe(self, topic: Topic[M], handler: Handler[M], *, group: str) -> None:
        self._subscriptions.append(Subscription(topic, group, one_by_one(handler), batch_max=1))

    def subscribe_batch(
        self,
        topic: Topic[M],
        handler: BatchHandler[M],
        *,
        group: str,
        batch_max: int = BATCH_MAX,
        on_rebalance: Callable[[Owns], None] | None = None,
    ) -> None:
        self.subscribe_fenced(
            topic, without_fence(handler), group=group, batch_max=batch_max, on_rebalance=on_rebalance
        )

    def subscribe_fenced(
        self,
        topic: Topic[M],
        handler: FencedHandler[M],
        *,
        group: str,
        batch_max: int = BATCH_MAX,
        on_rebalance: Callable[[Owns], None] | None = None,
    ) -> None:
        self._subscriptions.append(Subscription(topic, group, handler, batch_max=batch_max, on_rebalance=on_rebalance))

    def follow(self, topic: Topic[M], follower: Follower, *, group: str) -> None:
        self._subscriptions.append(Subscription(topic, group, follower=follower))

    async def run(self) -> None:
        partitions = await until_done(self.partitions, AWAY, sleep=asyncio.sleep, on_failure=_note_away)
        members = {wanted.group: GroupMember(self.redis, wanted.group, self._name) for wanted in self._subscriptions}
        consumers = []
        for wanted in self._subscriptions:
            member = members[wanted.group]
            member.want(wanted.topic.streams(partitions))
            consumers.append(
                StreamConsumer(
                    self.redis,
                    wanted,
                    member,
                    partitions=partitions,
                    publisher_under=self._publisher_under,
                    put_dead_letter=self.dead_letter,
                )
            )
        self._members = members
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live())
                for consumer in consumers:
                    tasks.create_task(consumer.run())
        finally:
            for member in members.values():
                with contextlib.suppress(RedisError):
                    await member.leave()

    def _publisher_under(self, fence: Fence) -> FencedPublisher:
        return _FencedRedisPublisher(self, fence)

    async def _live(self) -> None:
        """The heartbeat of this process in its groups."""
        while True:
            for member in self._members.values():
                try:
                    await member.beat()
                except RedisError as error:
                    logger.warning("no heartbeat", extra={"group": member.group, "reason": str(error)})
            await asyncio.sleep(BEAT_S)

    def shares(self) -> dict[str, Any]:
        return {
            group: {"members": len(member.members), "streams": sorted(member.leases)}
            for group, member in self._members.items()
        }

    async def notify(self, channel: str, payload: bytes) -> None:
        async with translated():
            await self.redis.publish(channel, payload)

    async def notify_many(self, notices: Iterable[tuple[str, bytes]]) -> None:
        async with translated():
            pipeline = self.redis.pipeline(transaction=False)
            for channel, payload in notices:
                pipeline.publish(channel, payload)
            await pipeline.execute()

    async def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.psubscribe(*patterns)
                    while True:
                        message = await pubsub.get_message(timeout=BLOCK_MS / 1000)
                        if message is not None:
                            yield message["channel"].decode(), message["data"]
            except RedisError as error:
                logger.warning("notices interrupted", extra={"reason": str(error)})
                await asyncio.sleep(1)

    async def tap(self, *topics: Topic[Any]) -> AsyncIterator[tuple[Topic[Any], BaseModel]]:
        partitions = await until_done(self.partitions, AWAY, sleep=asyncio.sleep, on_failure=_note_away)
        by_name = {name.encode(): topic for topic in topics for name in topic.streams(partitions)}
        async for name, raw in self._read_on(dict.fromkeys(by_name, b"$")):
            topic = by_name[name]
            with contextlib.suppress(ContractError):  # the consumer of the topic makes the dead letter
                yield topic, topic.decode(raw)

    async def _read_on(self, positions: dict[Any, Any]) -> AsyncIterator[tuple[bytes, bytes]]:
        """The messages that follow these positions, with the stream of each; waits while Redis is away."""
        while True:
            try:
                answer = await self.redis.xread(positions, count=BATCH_MAX, block=BLOCK_MS)
            except RedisError as error:
                logger.warning("reading interrupted", extra={"reason": str(error)})
                await asyncio.sleep(1)
                continue
            for name, entries in stream_entries(answer):
                for entry_id, fields in entries:
                    positions[name] = entry_id
                    yield name, fields.get(b"d", b"")

    async def dead_letter(self, source: str, *, consumer: str, raw: bytes, reason: str) -> None:
        letter = DeadLetter.of(source, consumer=consumer, raw=raw, reason=reason)
        async with translated():
            await self.redis.xadd(DEAD_LETTERS, {b"d": letter.encode()}, maxlen=DEAD_LETTERS_MAX, approximate=True)
        self.dead_letter_count += 1
        metrics.DEAD_LETTERS.labels(source).inc()
        logger.error("dead letter", extra={"topic": source, "reason": reason})

    async def dead_letters(self) -> AsyncIterator[DeadLetter]:
        async for _, raw in self._read_on({DEAD_LETTERS.encode(): START}):
            yield DeadLetter.decode(raw)

    async def close(self) -> None:
        await self.redis.aclose()


def _note_away(error: TransientError) -> None:
    logger.warning("bus away", extra={"reason": str(error)})


class _FencedRedisPublisher:
    """Publishes while the leases of a fence hold."""

    def __init__(self, bus: RedisBus, fence: Fence) -> None:
        self._bus = bus
        self._fence = fence

    async def publish(self, topic: Topic[M], message: M) -> None:
        await self._bus.publish_under(self._fence, topic, (message,))

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        await self._bus.publish_under(self._fence, topic, messages)

    async def confirm(self) -> None:
        await self._bus.confirm(self._fence)
