"""What the log of market data does, written once: run on the one in memory and on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.memory.kafka import MemoryKafkaConsumer, MemoryKafkaProducer
from shared.src.bus.kafka_record import KafkaRecord
from shared.src.kafka_client import KafkaConsumer, KafkaProducer

Producer = KafkaProducer | MemoryKafkaProducer
Consumer = KafkaConsumer | MemoryKafkaConsumer
# a member of the test's group that has joined and committed what there was; the one before has left
OpenConsumer = Callable[[], Awaitable[Consumer]]


async def read(consumer: Consumer, count: int) -> list[KafkaRecord]:
    """The next ``count`` records, each once: a group that is divided anew may bring uncommitted ones a second time."""
    found: dict[tuple[int, int], KafkaRecord] = {}
    async with asyncio.timeout(120):  # longer than a join that has to be repeated
        while len(found) < count:
            for record in await consumer.poll(timeout_s=1):
                found.setdefault((record.partition, record.offset), record)
    return list(found.values())


class KafkaBehaviour:
    async def test_the_records_of_a_key_arrive_in_order(
        self, producer: Producer, open_consumer: OpenConsumer, topic: str
    ) -> None:
        consumer = await open_consumer()
        await producer.send(topic, key="A", value=b"1")
        await producer.send_many(topic, [("B", b"2"), ("A", b"3")])
        assert producer.post(topic, key="C", value=b"4")
        records = await read(consumer, 4)
        assert {record.topic for record in records} == {topic}
        by_key = {key: [record.value for record in records if record.key == key] for key in "ABC"}
        assert by_key == {"A": [b"1", b"3"], "B": [b"2"], "C": [b"4"]}

    async def test_offsets_count_the_records_of_a_key_without_a_gap(
        self, producer: Producer, open_consumer: OpenConsumer, topic: str
    ) -> None:
        consumer = await open_consumer()
        await producer.send_many(topic, [("k", b"1"), ("k", b"2"), ("k", b"3")])
        offsets = [record.offset for record in await read(consumer, 3)]
        assert offsets == list(range(offsets[0], offsets[0] + 3))

    async def test_a_record_does_not_wait_for_others_to_fill_a_batch(
        self, producer: Producer, open_consumer: OpenConsumer, topic: str
    ) -> None:
        consumer = await open_consumer()
        polling = asyncio.create_task(consumer.poll(batch_max=2_000, timeout_s=120))
        await producer.send(topic, key="k", value=b"1")
        async with asyncio.timeout(60):
            assert [record.value for record in await polling] == [b"1"]

    async def test_what_waits_comes_in_batches_up_to_their_limit(
        self, producer: Producer, open_consumer: OpenConsumer, topic: str
    ) -> None:
        consumer = await open_consumer()
        await producer.send_many(topic, [("k", str(number).encode()) for number in range(2_500)])
        records: dict[int, KafkaRecord] = {}
        async with asyncio.timeout(60):
            while len(records) < 2_500:
                batch = await consumer.poll(batch_max=1_000, timeout_s=5)
                assert len(batch) <= 1_000
                for record in batch:
                    records.setdefault(record.offset, record)
        assert [int(record.value) for record in records.values()] == list(range(2_500))

    async def test_without_a_record_a_poll_ends_after_its_time(self, open_consumer: OpenConsumer) -> None:
        consumer = await open_consumer()
        async with asyncio.timeout(30):
            assert await consumer.poll(timeout_s=0.05) == []

    async def test_what_was_not_committed_comes_again_to_the_next_one(
        self, producer: Producer, open_consumer: OpenConsumer, topic: str
    ) -> None:
        before = await open_consumer()
        await producer.send_many(topic, [("k", b"1"), ("k", b"2"), ("k", b"3")])
        records = await read(before, 3)
        await before.commit(records[:1])
        after = await open_consumer()
        assert [record.value for record in await read(after, 2)] == [b"2", b"3"]

    async def test_a_pause_lets_records_wait(self, producer: Producer, open_consumer: OpenConsumer, topic: str) -> None:
        consumer = await open_consumer()
        await consumer.pause()
        await producer.send(topic, key="k", value=b"1")
        assert await consumer.poll(timeout_s=0.2) == []
        await consumer.resume()
        assert [record.value for record in await read(consumer, 1)] == [b"1"]

    async def test_the_lag_is_what_was_not_polled(
        self, producer: Producer, open_consumer: OpenConsumer, topic: str
    ) -> None:
        consumer = await open_consumer()
        await producer.send_many(topic, [("k", b"1"), ("k", b"2"), ("k", b"3")])
        await consumer.poll(batch_max=1, timeout_s=60)
        async with asyncio.timeout(60):
            while (await consumer.lag()).get(topic) != 2:  # noqa: ASYNC110 - the broker tells it when it likes
                await asyncio.sleep(0.01)
        assert len(await read(consumer, 2)) == 2
        assert (await consumer.lag()).get(topic) == 0
