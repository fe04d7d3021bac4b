"""One subscription of the in-memory bus: what is new in a stream goes to a handler or a follower, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from shared.memory.streams import MemoryStream
from shared.src.bus.handling import MessageHandling, PutDeadLetter, StreamEntry, Subscription, finished
from shared.src.bus.ports import BATCH_MAX, Delivery, FencedPublisher, Follower
from shared.src.domain.errors import ContractError
from shared.src.frame import metrics

# a follower that keeps messages is asked again after that: they may have become due by time alone
HELD_S = 0.1
# messages that a follower without a backlog gets to begin with
TAIL = 2 * BATCH_MAX

Numbered = tuple[int, bytes]  # number of an entry in its stream, the message


class _Ownership:
    """Whether this consumer has the stream; implements ``Ownership``."""

    held = False


class _Bus(FencedPublisher, Protocol):
    """What a consumer needs of its bus."""

    @property
    def dead_letter(self) -> PutDeadLetter: ...


class MemoryConsumer:
    """Consumes the stream of one topic for one group, as soon as nobody else does."""

    def __init__(
        self, wanted: Subscription, stream: MemoryStream[bytes], *, bus: _Bus, on_idle: Callable[[], None]
    ) -> None:
        self.group = wanted.group
        self.stream = stream.name
        self._wanted = wanted
        self._stream = stream
        self._bus = bus
        self._on_idle = on_idle
        self._handling = MessageHandling(wanted, bus.dead_letter)
        self._ownership = _Ownership()
        self._cursor = stream.position(wanted.group)
        self._unfinished: deque[tuple[int, Delivery[Any]]] = deque()
        self._arrived = asyncio.Event()
        self._busy = False

    @property
    def owns(self) -> bool:
        return self._ownership.held

    @property
    def idle(self) -> bool:
        """Whether nothing waits for this consumer, and nothing is in its hands."""
        if self.owns:
            return not self._busy and self._cursor == self._stream.end
        someone_else = self._stream.owner(self.group).locked()
        return someone_else or self._stream.position(self.group) == self._stream.end

    async def run(self) -> None:
        """Consume until cancelled; what is in hand then is finished first."""
        async with self._stream.owner(self.group):
            forget = self._stream.on_append(lambda _: self._arrived.set())
            self._ownership = _Ownership()
            self._ownership.held = self._busy = True
            try:
                await self._begin()
                while True:
                    found = await self._next()
                    await finished(self._handle(found))
            finally:
                self._ownership.held = self._busy = False
                forget()
                self._on_idle()

    async def _begin(self) -> None:
        """Go on where the group is; a follower sees older messages too."""
        position = self._cursor = self._stream.position(self.group)
        follower = self._wanted.follower
        if follower is not None:
            waiting = self._decodable(self._stream.read(position, self._stream.end - position))
            await self._handling.until_done(lambda: follower.restart(waiting))
            self._unfinished.clear()
            self._cursor = max(self._stream.begin, 0 if waiting else self._stream.end - TAIL)
        if self._wanted.on_rebalance is not None:
            self._wanted.on_rebalance(lambda _: True)

    def _decodable(self, found: Sequence[Numbered]) -> list[Any]:
        messages = []
        for _, raw in found:
            with suppress(ContractError):  # it becomes a dead letter when it is delivered
                messages.append(self._wanted.topic.decode(raw))
        return messages

    async def _next(self) -> list[Numbered]:
        """What is new; nothing after a while, when the follower keeps messages that may have become due."""
        while not (found := self._stream.read(self._cursor, BATCH_MAX)):
            self._arrived.clear()
            self._busy = False
            self._on_idle()
            try:
                async with asyncio.timeout(HELD_S if self._unfinished else None):
                    await self._arrived.wait()
            except TimeoutError:
                return []
            finally:
                self._busy = True
        self._cursor = found[-1][0]
        return found

    async def _handle(self, found: Sequence[Numbered]) -> None:
        if self._wanted.follower is not None:
            await self._pass_on(self._wanted.follower, found)
        else:
            received = await self._handling.decoded(self._entries(found), owned=lambda _: True)
            await self._handling.handle(received, lambda _: self._bus)
            self._stream.commit(self.group, found[-1][0])

    async def _pass_on(self, follower: Follower, found: Sequence[Numbered]) -> None:
        position = self._stream.position(self.group)
        numbers = {_entry_id(number): number for number, _ in found}
        received = await self._handling.decoded(
            self._entries(found), owned=lambda entry: numbers[entry.entry_id] > position
        )
        deliveries: list[Delivery[Any]] = []
        for each in received:
            number = numbers[each.entry.entry_id]
            new = number > position
            delivery: Delivery[Any] = Delivery(each.message, each.entry.entry_id, self._ownership if new else None)
            deliveries.append(delivery)
            if new:
                self._unfinished.append((number, delivery))
        follower.take(deliveries)
        await self._handling.act(follower, self._bus)
        metrics.MESSAGES_IN.labels(self._wanted.topic.name).inc(len(deliveries))
        while self._unfinished and self._unfinished[0][1].done:
            self._stream.commit(self.group, self._unfinished.popleft()[0])

    def _entries(self, found: Sequence[Numbered]) -> list[StreamEntry]:
        return [StreamEntry(self._stream.name, _entry_id(number), raw) for number, raw in found]


def _entry_id(number: int) -> bytes:
    """An entry's number in the form of Redis."""
    return b"%d-0" % number
