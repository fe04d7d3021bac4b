"""The Kafka client on a real broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from shared.src.config import Settings
from shared.src.kafka_client import KafkaConsumer, KafkaProducer, KafkaRecord

pytestmark = pytest.mark.integration


@pytest.fixture
async def ends(make_settings: Callable[..., Settings]) -> AsyncIterator[tuple[KafkaProducer, KafkaConsumer, str]]:
    """A producer and a consumer that has its partition of the topic."""
    settings, topic = make_settings(), f"test.{uuid.uuid4().hex}"
    producer = KafkaProducer(settings, client_id="test")
    await producer.send(topic, key="k", value=b"0")
    consumer = KafkaConsumer(settings, group=uuid.uuid4().hex, topics=[topic])
    async with asyncio.timeout(120):  # longer than a join that has to be repeated
        while not (first := await consumer.poll(timeout_s=1)):
            pass
    assert [record.value for record in first] == [b"0"]
    await consumer.commit(first)
    yield producer, consumer, topic
    await consumer.close()
    await producer.close()


async def test_a_record_does_not_wait_for_others_to_fill_a_batch(
    ends: tuple[KafkaProducer, KafkaConsumer, str],
) -> None:
    producer, consumer, topic = ends
    polling = asyncio.create_task(consumer.poll(batch_max=2_000, timeout_s=120))
    await producer.send(topic, key="k", value=b"1")
    async with asyncio.timeout(60):
        assert [record.value for record in await polling] == [b"1"]


async def test_what_waits_comes_in_one_batch_up_to_its_limit(ends: tuple[KafkaProducer, KafkaConsumer, str]) -> None:
    producer, consumer, topic = ends
    await producer.send_many(topic, [("k", str(number).encode()) for number in range(1, 2_501)])
    records: dict[int, KafkaRecord] = {}  # by offset: a rebalance may bring uncommitted records a second time
    async with asyncio.timeout(60):
        while len(records) < 2_500:
            batch = await consumer.poll(batch_max=1_000, timeout_s=5)
            assert len(batch) <= 1_000
            for record in batch:
                records.setdefault(record.offset, record)
    assert [int(record.value) for record in records.values()] == list(range(1, 2_501))
