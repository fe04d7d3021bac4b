"""Sends what the outbox holds, in order; a message leaves it only after the bus has stored it (at least once)."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

from shared.src.bus.ports import Bus
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED, Topic
from shared.src.domain.errors import ContractError
from trader.src.ports import OutboxMessage, Store

BATCH = 200
CONSUMER = "trader-outbox"
TOPICS: dict[str, Topic[Any]] = {topic.name: topic for topic in (EXECUTION, CYCLE_UPDATED, ORDER_FAILED)}


class OutboxPublisher:
    """One ``flush`` at a time: the order of the outbox is the order on the bus.

    A message that breaks its contract goes to the dead letters: it must not hold up the others.
    """

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._lock = asyncio.Lock()

    async def flush(self) -> int:
        """Send everything that waits; returns how many messages that were."""
        count = 0
        async with self._lock:
            while messages := await self._store.outbox(BATCH):
                for name, group in groupby(messages, key=lambda message: message.topic):
                    await self._publish(name, list(group))
                await self._store.sent(messages)
                count += len(messages)
        return count

    async def _publish(self, name: str, messages: list[OutboxMessage]) -> None:
        topic, readable = TOPICS.get(name), []
        for message in messages:
            try:
                if topic is None:
                    raise ContractError(f"there is no topic {name}")
                readable.append(topic.decode(message.payload))
            except ContractError as error:
                await self._bus.dead_letter(name, consumer=CONSUMER, raw=message.payload, reason=str(error))
        if topic is not None and readable:
            await self._bus.publish_many(topic, readable)
