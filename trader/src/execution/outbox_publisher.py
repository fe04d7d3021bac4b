"""Sends what the outbox holds, in order; a message leaves it only after the bus has stored it (at least once)."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

from shared.src.bus.ports import Publisher
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED, Topic
from trader.src.ports import Store

BATCH = 200
TOPICS: dict[str, Topic[Any]] = {topic.name: topic for topic in (EXECUTION, CYCLE_UPDATED, ORDER_FAILED)}


class OutboxPublisher:
    """One ``flush`` at a time: the order of the outbox is the order on the bus."""

    def __init__(self, store: Store, bus: Publisher) -> None:
        self._store = store
        self._bus = bus
        self._lock = asyncio.Lock()

    async def flush(self) -> int:
        """Send everything that waits; returns how many messages that were."""
        count = 0
        async with self._lock:
            while messages := await self._store.outbox(BATCH):
                for name, group in groupby(messages, key=lambda message: message.topic):
                    topic = TOPICS[name]
                    await self._bus.publish_many(topic, [topic.decode(message.payload) for message in group])
                await self._store.sent(messages)
                count += len(messages)
        return count
