"""What outlives a killed trader, and can kill it: its store and the bus, with a fuse that burns at every step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any

from pydantic import BaseModel

from shared.src.bus.ports import Handler, M
from shared.src.contracts.topics import Topic
from tests.unit.trader.fake_exchange import Fuse
from trader.src.adapters.memory_store import MemoryStore
from trader.src.ports import OutboxMessage

# The transactions a process may be killed right before and right after; the other reads are no steps of their own.
WRITES = {
    *("refuse", "open_cycle", "accept", "accept_exit", "add_orders", "book", "settle", "request_exit", "save_cycle"),
    "sent",
    "pause",
}
STEPS = WRITES | {"view", "outbox"}


class CrashingStore:
    """A store in memory whose caller may be killed before or after each transaction.

    ``told``: every message that ever was in the outbox, by its place in it.
    """

    def __init__(self, store: MemoryStore, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse
        self.told: dict[int, OutboxMessage] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._burning(method) if name in STEPS else method

    def _burning(self, method: Any) -> Any:
        async def step(*args: Any, **kwargs: Any) -> Any:
            self._fuse.burn()
            answer = await method(*args, **kwargs)
            self.told |= {message.id: message for message in await self._store.outbox(1000)}
            self._fuse.burn()
            return answer

        return step


class CrashingBus:
    """A bus as far as the trader needs one: keeps what it was given, in order."""

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self.handlers: dict[str, Handler[Any]] = {}
        self.messages: dict[str, list[Any]] = defaultdict(list)
        self.dead_letters: list[tuple[str, str]] = []
        self.notices: list[tuple[str, bytes]] = []

    async def publish(self, topic: Topic[M], message: M) -> None:
        await self.publish_many(topic, [message])

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        self._fuse.burn()
        self.messages[topic.name] += messages
        self._fuse.burn()

    def subscribe(self, topic: Topic[M], handler: Handler[M], *, group: str) -> None:
        self.handlers[topic.name] = handler

    async def deliver(self, topic: Topic[M], message: M) -> None:
        await self.handlers[topic.name](message)

    async def dead_letter(self, source: str, *, consumer: str, raw: bytes, reason: str) -> None:
        self.dead_letters.append((source, reason))

    async def run(self) -> None:
        raise NotImplementedError("the test delivers")

    async def notify(self, channel: str, payload: bytes) -> None:
        """A notice to the screens."""
        self.notices.append((channel, payload))

    def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        raise NotImplementedError("the trader listens to no notices")

    def of(self, topic: Topic[M]) -> dict[str, BaseModel]:
        """What was told on a topic, by message id; told twice, it was told the same."""
        told: dict[str, BaseModel] = {}
        for message in self.messages[topic.name]:
            assert told.setdefault(message.message_id, message) == message
        return told
