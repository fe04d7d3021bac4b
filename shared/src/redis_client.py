"""The bus on Redis: Streams with consumer groups for what must not be lost, pub/sub for what may be."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.src import metrics
from shared.src.bus import Handler
from shared.src.config import Settings
from shared.src.contracts.topics import DEAD_LETTERS, Topic
from shared.src.domain.errors import ContractError, TransientError

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

BATCH_MAX = 64
BLOCK_MS = 2_000
RECLAIM_IDLE_MS = 60_000
RECLAIM_EVERY_S = 30.0
BACKOFF_S_MAX = 5.0
DEAD_LETTERS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Subscription:
    topic: Topic[Any]
    handler: Callable[[list[Any]], Awaitable[None]]
    group: str
    batch_max: int


def redis_from(settings: Settings) -> Redis:
    """A client that reconnects by itself; replies are bytes."""
    return Redis(
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


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn whatever redis-py raises into the platform's own error."""
    try:
        yield
    except RedisError as error:
        raise TransientError(f"redis: {error}") from error


class RedisBus:
    """Implements ``shared.src.bus.Bus``. ``consumer`` must be stable for one replica, so that it finds its own
    unacknowledged messages after a restart.
    """

    def __init__(self, client: Redis, *, consumer: str) -> None:
        self.redis = client
        self._consumer = consumer
        self._subscriptions: list[_Subscription] = []
        self.dead_letters = 0

    async def publish(self, topic: Topic[M], message: M) -> None:
        await self.publish_many(topic, (message,))

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        async with translated():
            pipeline = self.redis.pipeline(transaction=False)
            count = 0
            for message in messages:
                fields = {b"k": topic.key_of(message).encode(), b"d": topic.encode(message)}
                pipeline.xadd(topic.name, fields, maxlen=topic.maxlen, approximate=True)  # type: ignore[arg-type]
                count += 1
            await pipeline.execute()
        metrics.MESSAGES_OUT.labels(topic.name).inc(count)

    def subscribe(self, topic: Topic[M], handler: Handler[M], *, group: str) -> None:
        async def one(messages: list[M]) -> None:
            await handler(messages[0])

        self._subscriptions.append(_Subscription(topic, one, group, batch_max=1))

    def subscribe_batch(
        self, topic: Topic[M], handler: Callable[[list[M]], Awaitable[None]], *, group: str, batch_max: int = BATCH_MAX
    ) -> None:
        """Like ``subscribe``, but ``handler`` gets up to ``batch_max`` messages that are waiting, in order."""
        self._subscriptions.append(_Subscription(topic, handler, group, batch_max=batch_max))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for subscription in self._subscriptions:
                tasks.create_task(self._consume(subscription))

    async def notify(self, channel: str, payload: bytes) -> None:
        async with translated():
            await self.redis.publish(channel, payload)

    async def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        """Notices on channels matching the patterns; reconnects by itself, what was sent meanwhile is lost."""
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
        """Durable messages from now on, without a group and without acknowledgement: for screens."""
        by_name = {topic.name.encode(): topic for topic in topics}
        position: dict[Any, Any] = dict.fromkeys(by_name, b"$")
        while True:
            try:
                answer = await self.redis.xread(position, count=BATCH_MAX, block=BLOCK_MS)
            except RedisError as error:
                logger.warning("tap interrupted", extra={"reason": str(error)})
                await asyncio.sleep(1)
                continue
            for name, entries in stream_entries(answer):
                for entry_id, fields in entries:
                    position[name] = entry_id
                    try:
                        yield by_name[name], by_name[name].decode(fields[b"d"])
                    except (ContractError, KeyError):
                        continue  # the consumer of the topic makes the dead letter

    # Consuming

    async def _consume(self, subscription: _Subscription) -> None:
        await self._until_done(lambda: self._ensure_group(subscription), subscription)
        # what was delivered before a restart and never acknowledged comes first, in its order
        cursor = b"0"
        reclaimed_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                if loop.time() - reclaimed_at > RECLAIM_EVERY_S:
                    reclaimed_at = loop.time()
                    await self._reclaim(subscription)
                entries = await self._read(subscription, cursor)
            except (RedisError, TransientError) as error:
                logger.warning("bus away", extra={"topic": subscription.topic.name, "reason": str(error)})
                await asyncio.sleep(1)
                if "NOGROUP" in str(error):
                    await self._until_done(lambda: self._ensure_group(subscription), subscription)
                continue
            if cursor != b">" and not entries:
                cursor = b">"
                continue
            await self._handle(subscription, entries)

    async def _read(self, subscription: _Subscription, cursor: bytes) -> list[tuple[bytes, dict[bytes, bytes]]]:
        answer = await self.redis.xreadgroup(
            subscription.group,
            self._consumer,
            {subscription.topic.name: cursor},
            count=BATCH_MAX,
            block=BLOCK_MS if cursor == b">" else None,
        )
        return [entry for _, entries in stream_entries(answer) for entry in entries]

    async def _handle(self, subscription: _Subscription, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        if not entries:
            return
        name = subscription.topic.name
        decoded: list[tuple[bytes, Any]] = []
        for _, fields in entries:
            if fields:  # an entry that was trimmed away comes back empty
                raw = fields.get(b"d", b"")
                try:
                    decoded.append((raw, subscription.topic.decode(raw)))
                except ContractError as error:
                    await self._bury_surely(subscription, raw, str(error))
        for start in range(0, len(decoded), subscription.batch_max):
            chunk = decoded[start : start + subscription.batch_max]
            with metrics.HANDLING_S.labels(name).time():
                await self._handle_chunk(subscription, chunk)
        metrics.MESSAGES_IN.labels(name).inc(len(decoded))
        await self._until_done(lambda: self._ack(subscription, [entry_id for entry_id, _ in entries]), subscription)

    async def _handle_chunk(self, subscription: _Subscription, chunk: list[tuple[bytes, Any]]) -> None:
        """Hand over the messages together; when that breaks, one by one, so that only the broken one is buried."""
        try:
            await self._until_done(lambda: subscription.handler([message for _, message in chunk]), subscription)
        except Exception as error:
            # The one broad except of a process: a handler that breaks must not take the stream with it,
            # and what it broke on must not be lost.
            logger.exception("handler failed", extra={"topic": subscription.topic.name})
            if len(chunk) == 1:
                reason = "".join(traceback.format_exception_only(error)).strip()
                await self._bury_surely(subscription, chunk[0][0], reason)
                return
            for item in chunk:
                await self._handle_chunk(subscription, [item])

    async def _ack(self, subscription: _Subscription, entry_ids: list[bytes]) -> None:
        async with translated():
            await self.redis.xack(subscription.topic.name, subscription.group, *entry_ids)

    async def _until_done(self, action: Callable[[], Awaitable[None]], subscription: _Subscription) -> None:
        """Run ``action``; repeat it, with backoff, while it fails in a way that may pass."""
        delay = 0.05
        while True:
            try:
                await action()
                return
            except TransientError as error:
                metrics.RETRIES.labels(subscription.topic.name).inc()
                logger.warning("retrying", extra={"topic": subscription.topic.name, "reason": str(error)})
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACKOFF_S_MAX)

    async def _ensure_group(self, subscription: _Subscription) -> None:
        try:
            await self.redis.xgroup_create(subscription.topic.name, subscription.group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise TransientError(f"redis: {error}") from error
        except RedisError as error:
            raise TransientError(f"redis: {error}") from error

    async def _reclaim(self, subscription: _Subscription) -> None:
        """Take over what a replica that died left unacknowledged."""
        answer = await self.redis.xautoclaim(
            subscription.topic.name, subscription.group, self._consumer, RECLAIM_IDLE_MS, count=BATCH_MAX
        )
        await self._handle(subscription, [entry for entry in answer[1] if entry[1]])

    async def _bury_surely(self, subscription: _Subscription, raw: bytes, reason: str) -> None:
        async def bury() -> None:
            await self.bury(subscription.topic.name, consumer=subscription.group, raw=raw, reason=reason)

        await self._until_done(bury, subscription)

    async def bury(self, source: str, *, consumer: str, raw: bytes, reason: str) -> None:
        """Put a message among the dead letters, with the reason."""
        letter = {
            "source": source,
            "consumer": consumer,
            "reason": reason,
            "payload": raw.decode("utf-8", "replace"),
            "fingerprint": hashlib.sha256(f"{source}\n{consumer}\n".encode() + raw).hexdigest(),
        }
        async with translated():
            await self.redis.xadd(DEAD_LETTERS, {b"d": orjson.dumps(letter)}, maxlen=DEAD_LETTERS_MAX, approximate=True)
        self.dead_letters += 1
        metrics.DEAD_LETTERS.labels(source).inc()
        logger.error("dead letter", extra={"topic": source, "reason": reason})

    async def close(self) -> None:
        await self.redis.aclose()


def stream_entries(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """XREAD's answer as (stream, entries) pairs, in either protocol version's shape."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [(name, chunk) for name, chunks in answer.items() for chunk in chunks]
    return [(name, entries) for name, entries in answer]
