"""The Kafka client on a real broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from shared.src.config import Settings
from shared.src.kafka_client import KafkaConsumer, KafkaProducer
from tests.behaviour.shared.kafka import KafkaBehaviour, OpenConsumer

pytestmark = pytest.mark.integration


class TestKafka(KafkaBehaviour):
    @pytest.fixture
    def kafka_settings(self, make_settings: Callable[..., Settings]) -> Settings:
        return make_settings()

    @pytest.fixture
    def topic(self) -> str:
        return f"test.{uuid.uuid4().hex}"

    @pytest.fixture
    async def producer(self, kafka_settings: Settings) -> AsyncIterator[KafkaProducer]:
        producer = KafkaProducer(kafka_settings, client_id="test")
        yield producer
        await producer.close()

    @pytest.fixture
    async def open_consumer(
        self, kafka_settings: Settings, producer: KafkaProducer, topic: str
    ) -> AsyncIterator[OpenConsumer]:
        group = uuid.uuid4().hex
        opened: list[KafkaConsumer] = []

        async def open_next() -> KafkaConsumer:
            if opened:
                await opened.pop().close()
                opened.append(KafkaConsumer(kafka_settings, group=group, topics=[topic]))
                return opened[-1]
            await producer.send(topic, key="k", value=b"the topic is there")
            consumer = KafkaConsumer(kafka_settings, group=group, topics=[topic])
            opened.append(consumer)
            async with asyncio.timeout(120):  # longer than a join that has to be repeated
                while not (first := await consumer.poll(timeout_s=1)):
                    pass
            await consumer.commit(first)
            return consumer

        yield open_next
        for consumer in opened:
            await consumer.close()
