"""The bus within one process: every message is encoded and decoded as on its way through Redis, none leaves memory."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, suppress
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from shared.memory.consumer import MemoryConsumer
from shared.memory.streams import MemoryStream, MemoryStreams
from shared.src.bus.dead_letters import DeadLetter
from shared.src.bus.handling import Subscription, one_by_one, without_fence
from shared.src.bus.ports import BATCH_MAX, BatchHandler, FencedHandler, Follower, Handler, Owns
from shared.src.contracts.topics import DEAD_LETTERS, Topic
from shared.src.domain.errors import ContractError
from shared.src.frame import metrics

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)
E = TypeVar("E")

# what waits for a screen that does not read; older messages are lost
SCREEN_MAX = 20_000


class InMemoryBus:
    """Implements ``shared.src.bus.ports.Bus``.

    Buses on the same ``streams`` are as processes on one Redis. Of those that join a group, one owns all messages; when
    its ``run`` ends the next one goes on where it was. Order alone decides who consumes, so that the same calls have
    the same effects.
    """

    def __init__(self, streams: MemoryStreams | None = None) -> None:
        self.dead_letter_count = 0
        self._streams = streams or MemoryStreams()
        self._dead_letters = self._streams.of(DEAD_LETTERS)
        self._consumers: list[MemoryConsumer] = []
        self._idle = asyncio.Event()

    # Publishing

    async def publish(self, topic: Topic[M], message: M) -> None:
        await self.publish_many(topic, (message,))

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        stream = self._stream_of(topic)
        for raw in [topic.encode(message) for message in messages]:
            stream.append(raw)
            metrics.MESSAGES_OUT.labels(topic.name).inc()

    async def confirm(self) -> None:
        """The fence of what this bus's handlers publish: nobody else can have their messages."""

    async def publish_raw(self, topic_name: str, raw: bytes) -> None:
        self._streams.of(topic_name).append(raw)

    async def notify(self, channel: str, payload: bytes) -> None:
        for listener in tuple(self._streams.listeners):
            listener(channel, payload)

    async def notify_many(self, notices: Iterable[tuple[str, bytes]]) -> None:
        for channel, payload in notices:
            await self.notify(channel, payload)

    async def dead_letter(self, source: str, *, consumer: str, raw: bytes, reason: str) -> None:
        letter = DeadLetter.of(source, consumer=consumer, raw=raw, reason=reason)
        self._dead_letters.append(letter.encode())
        self.dead_letter_count += 1
        metrics.DEAD_LETTERS.labels(source).inc()
        logger.error("dead letter", extra={"topic": source, "reason": reason})

    # Subscribing

    def subscribe(self, topic: Topic[M], handler: Handler[M], *, group: str) -> None:
        self._add(Subscription(topic, group, one_by_one(handler), batch_max=1))

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
        self._add(Subscription(topic, group, handler, batch_max=batch_max, on_rebalance=on_rebalance))

    def follow(self, topic: Topic[M], follower: Follower, *, group: str) -> None:
        self._add(Subscription(topic, group, follower=follower))

    def _add(self, wanted: Subscription) -> None:
        stream = self._stream_of(wanted.topic)
        self._consumers.append(MemoryConsumer(wanted, stream, bus=self, on_idle=self._note_idle))

    # Consuming

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for consumer in self._consumers:
                tasks.create_task(consumer.run(), name=f"{consumer.group} on {consumer.stream}")

    async def idle(self) -> None:
        """Wait until no message waits for a handler of this bus, and none is being handled.

        A message that a follower keeps for later has been handled as far as the bus knows.
        """
        while not all(consumer.idle for consumer in self._consumers):
            self._idle.clear()
            await self._idle.wait()

    def _note_idle(self) -> None:
        self._idle.set()

    def shares(self) -> dict[str, Any]:
        owned: dict[str, list[str]] = {}
        for consumer in self._consumers:
            owned.setdefault(consumer.group, []).extend([consumer.stream] if consumer.owns else [])
        return {group: {"members": 1, "streams": sorted(streams)} for group, streams in owned.items()}

    # Reading along

    async def tap(self, *topics: Topic[Any]) -> AsyncIterator[tuple[Topic[Any], BaseModel]]:
        inbox: _Inbox[tuple[Topic[Any], bytes]] = _Inbox()

        def hear(topic: Topic[Any], raw: bytes) -> None:
            inbox.put((topic, raw))

        with ExitStack() as at_the_end:
            for each in topics:
                at_the_end.callback(self._stream_of(each).on_append(partial(hear, each)))
            async for topic, raw in inbox.items():
                with suppress(ContractError):  # the consumer of the topic makes the dead letter
                    yield topic, topic.decode(raw)

    async def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        inbox: _Inbox[tuple[str, bytes]] = _Inbox()

        def hear(channel: str, payload: bytes) -> None:
            if any(fnmatchcase(channel, pattern) for pattern in patterns):
                inbox.put((channel, payload))

        self._streams.listeners.append(hear)
        try:
            async for notice in inbox.items():
                yield notice
        finally:
            self._streams.listeners.remove(hear)

    async def dead_letters(self) -> AsyncIterator[DeadLetter]:
        stream, position, arrived = self._dead_letters, 0, asyncio.Event()
        forget = stream.on_append(lambda _: arrived.set())
        try:
            while True:
                arrived.clear()
                for number, raw in stream.read(position, BATCH_MAX):
                    position = number
                    yield DeadLetter.decode(raw)
                if position == stream.end:
                    await arrived.wait()
        finally:
            forget()

    def _stream_of(self, topic: Topic[Any]) -> MemoryStream[bytes]:
        return self._streams.of(topic.name)


class _Inbox(Generic[E]):
    """What comes in for a reader: all of it, as long as the reader is not ``SCREEN_MAX`` behind."""

    def __init__(self) -> None:
        self._items: deque[E] = deque(maxlen=SCREEN_MAX)
        self._arrived = asyncio.Event()

    def put(self, item: E) -> None:
        self._items.append(item)
        self._arrived.set()

    async def items(self) -> AsyncIterator[E]:
        while True:
            await self._arrived.wait()
            while self._items:
                yield self._items.popleft()
            self._arrived.clear()
