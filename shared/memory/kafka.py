"""The log of market data in memory: records by topic, in order, until every group that reads has committed them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from shared.memory.streams import MemoryStream
from shared.src.bus.kafka_record import KafkaRecord

KeyValue = tuple[str, bytes]


class MemoryKafka:
    """The broker: every topic has one partition and is there from its first mention on."""

    def __init__(self) -> None:
        self._topics: dict[str, MemoryStream[KeyValue]] = {}

    def topic(self, name: str) -> MemoryStream[KeyValue]:
        if name not in self._topics:
            self._topics[name] = MemoryStream(name)
        return self._topics[name]


class MemoryKafkaProducer:
    """Appends to a broker in memory, as ``KafkaProducer`` does to a real one."""

    def __init__(self, broker: MemoryKafka) -> None:
        self._broker = broker

    async def send(self, topic: str, *, key: str, value: bytes) -> None:
        self._broker.topic(topic).append((key, value))

    async def send_many(self, topic: str, records: Iterable[KeyValue]) -> None:
        for record in records:
            self._broker.topic(topic).append(record)

    def post(self, topic: str, *, key: str, value: bytes) -> bool:
        self._broker.topic(topic).append((key, value))
        return True

    async def ping(self) -> str:
        return "1 broker(s)"

    async def close(self) -> None:
        """Nothing is under way."""


class MemoryKafkaConsumer:
    """The one consumer of a group, as ``KafkaConsumer``; it owns all partitions."""

    def __init__(self, broker: MemoryKafka, *, group: str, topics: Sequence[str]) -> None:
        self._broker = broker
        self._group = group
        self._paused = False
        self._arrived = asyncio.Event()
        self._read: dict[str, int] = {}  # number of the last record that was polled, by topic
        self._forget: list[Callable[[], None]] = []
        self._subscribe(topics)

    async def poll(self, *, batch_max: int = 1_000, timeout_s: float | None = None) -> list[KafkaRecord]:
        """What is there, up to ``batch_max`` records, topic by topic; empty when none came within ``timeout_s``.

        Without ``timeout_s`` it waits for the first record: in simulated time nobody looks again and again.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (records := self._take(batch_max)):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return []
        return records

    def _take(self, most: int) -> list[KafkaRecord]:
        records: list[KafkaRecord] = []
        if self._paused:
            return records
        for name, read in self._read.items():
            for number, (key, value) in self._broker.topic(name).read(read, most - len(records)):
                records.append(KafkaRecord(name, 0, number - 1, key, value))
                self._read[name] = number
        return records

    async def commit(self, records: Iterable[KafkaRecord]) -> None:
        """Mark everything up to these records as processed."""
        latest = {record.topic: record.offset + 1 for record in records}
        for name, number in latest.items():
            self._broker.topic(name).commit(self._group, number)

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Consume exactly these topics from now on."""
        self._subscribe(topics)

    def _subscribe(self, topics: Sequence[str]) -> None:
        self._forget_all()
        streams = [self._broker.topic(name) for name in topics]
        self._read = {stream.name: self._read.get(stream.name, stream.position(self._group)) for stream in streams}
        self._forget = [stream.on_append(self._wake) for stream in streams]
        self._arrived.set()

    def _wake(self, _: KeyValue) -> None:
        self._arrived.set()

    def _forget_all(self) -> None:
        for forget in self._forget:
            forget()
        self._forget = []

    async def lag(self) -> dict[str, int]:
        """Records that wait behind the last ones polled, by topic."""
        return {name: self._broker.topic(name).end - read for name, read in self._read.items()}

    async def pause(self) -> None:
        self._paused = True

    async def resume(self) -> None:
        self._paused = False
        self._arrived.set()

    async def close(self) -> None:
        self._forget_all()
        self._read = {}
