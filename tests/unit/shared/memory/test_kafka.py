"""The log of market data in memory."""

from __future__ import annotations

import asyncio

import pytest

from shared.memory.kafka import MemoryKafka, MemoryKafkaConsumer, MemoryKafkaProducer
from tests.behaviour.shared.kafka import KafkaBehaviour, OpenConsumer


class TestMemoryKafka(KafkaBehaviour):
    @pytest.fixture
    def broker(self) -> MemoryKafka:
        return MemoryKafka()

    @pytest.fixture
    def topic(self) -> str:
        return "test.records"

    @pytest.fixture
    def producer(self, broker: MemoryKafka) -> MemoryKafkaProducer:
        return MemoryKafkaProducer(broker)

    @pytest.fixture
    def open_consumer(self, broker: MemoryKafka, topic: str) -> OpenConsumer:
        opened: list[MemoryKafkaConsumer] = []

        async def open_next() -> MemoryKafkaConsumer:
            for consumer in opened:
                await consumer.close()
            opened.append(MemoryKafkaConsumer(broker, group="test", topics=[topic]))
            return opened[-1]

        return open_next


async def test_the_topics_of_a_consumer_change_at_run_time() -> None:
    broker = MemoryKafka()
    producer = MemoryKafkaProducer(broker)
    consumer = MemoryKafkaConsumer(broker, group="g", topics=["a", "b"])
    await producer.send_many("a", [("k", b"a1")])
    assert [record.value for record in await consumer.poll()] == [b"a1"]
    polling = asyncio.create_task(consumer.poll())
    await asyncio.sleep(0)
    await producer.send_many("c", [("k", b"c1")])
    await consumer.subscribe(["a", "c"])
    assert [record.value for record in await polling] == [b"c1"]
    await producer.send_many("b", [("k", b"b1")])
    await producer.send_many("a", [("k", b"a2")])
    assert [record.value for record in await consumer.poll()] == [b"a2"], "what was polled before does not come again"
