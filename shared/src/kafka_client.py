"""Kafka behind two small asynchronous classes: a producer that proves delivery, a consumer that commits last."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from shared.src.bus.kafka_record import KafkaRecord
from shared.src.config import Settings
from shared.src.domain.errors import TransientError

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT_MS = 30_000
QUEUE_MAX = 200_000
# what a consumer fetches ahead of its work; librdkafka would take 64 MB of a backlog, and keep the memory
FETCHED_KB_MAX = 4_096
GATHER_S = 0.002
APACHE_BROKER = {
    "fetch.wait.max.ms": 50,
    "max.poll.interval.ms": 300_000,
    "partition.assignment.strategy": "cooperative-sticky",
}
# librdkafka's own broker forgets a member whose machine stood still while it joined, and never answers it: it asks to
# join again only when its poll interval is over.
EMBEDDED_BROKER = {
    "fetch.wait.max.ms": 1,
    "max.poll.interval.ms": 30_000,
    "partition.assignment.strategy": "range",
}


def _log_error(error: KafkaError) -> None:
    logger.warning("kafka", extra={"reason": error.str()})


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_broker,
        "error_cb": _log_error,
        "log_level": 2,
        "reconnect.backoff.max.ms": 2_000,
        "topic.metadata.refresh.interval.ms": 30_000,
    }


class KafkaProducer:
    """Idempotent producer, acks=all, keyed; a background thread serves delivery reports."""

    def __init__(self, settings: Settings, *, client_id: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(
            _common(settings)
            | {
                "client.id": client_id,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 0 if settings.kafka_embedded else 2,
                "compression.type": "lz4",
                "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
                "queue.buffering.max.messages": QUEUE_MAX,
            }
        )
        self._delivered: deque[tuple[asyncio.Future[None], KafkaError | None]] = deque()
        self._settling = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-delivery", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.1)

    async def send(self, topic: str, *, key: str, value: bytes) -> None:
        """Produce one record; returns when the broker has acknowledged it.

        Raises:
            TransientError: the broker did not acknowledge it in time.
        """
        await self.send_many(topic, ((key, value),))

    async def send_many(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Produce records in order; returns when the broker has acknowledged all of them."""
        futures: list[asyncio.Future[None]] = []
        for key, value in records:
            future: asyncio.Future[None] = self._loop.create_future()
            await self._enqueue(topic, key, value, future)
            futures.append(future)
        results = await asyncio.gather(*futures, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def post(self, topic: str, *, key: str, value: bytes) -> bool:
        """Produce one record without waiting for its acknowledgement; False when the client's queue is full."""
        try:
            self._producer.produce(topic, key=key, value=value)
        except (BufferError, KafkaException):
            return False
        return True

    async def _enqueue(self, topic: str, key: str, value: bytes, future: asyncio.Future[None]) -> None:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            self._delivered.append((future, error))
            if not self._settling:
                self._settling = True
                self._loop.call_soon_threadsafe(self._settle_all)

        while True:
            try:
                self._producer.produce(topic, key=key, value=value, on_delivery=delivered)
                return
            except BufferError:
                await asyncio.sleep(0.01)  # the local queue is full: the broker is slower than we are
            except KafkaException as error:
                raise TransientError(f"kafka: {error.args[0]}") from error

    def _settle_all(self) -> None:
        """Pass the reports on in one go: a wake-up of the loop for each would crowd out a signal's."""
        self._settling = False
        while self._delivered:
            _settle(*self._delivered.popleft())

    async def ping(self) -> str:
        """One metadata round trip; returns how many brokers there are."""
        try:
            metadata = await asyncio.to_thread(self._producer.list_topics, timeout=3)
        except KafkaException as error:
            raise TransientError(f"kafka: {error.args[0]}") from error
        return f"{len(metadata.brokers)} broker(s)"

    async def close(self) -> None:
        """Wait for what is under way, at most 5 s."""
        await asyncio.to_thread(self._producer.flush, 5)
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, 1)


def _settle(future: asyncio.Future[None], error: KafkaError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(TransientError(f"kafka: {error.str()}"))


class KafkaConsumer:
    """A member of a consumer group. Nothing is committed before ``commit`` is called with what was processed."""

    def __init__(self, settings: Settings, *, group: str, topics: list[str]) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-consumer")
        self._consumer = Consumer(
            _common(settings)
            | (EMBEDDED_BROKER if settings.kafka_embedded else APACHE_BROKER)
            | {
                "group.id": f"{settings.kafka_group_id}-{group}",
                "enable.auto.commit": False,
                "queued.max.messages.kbytes": FETCHED_KB_MAX,
                "fetch.queue.backoff.ms": 10,  # a full queue is looked at again after that, not after a second
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 6_000,
                "heartbeat.interval.ms": 1_500,
                "allow.auto.create.topics": True,
            }
        )
        self._consumer.subscribe(topics)
        self._paused = False

    async def poll(self, *, batch_max: int = 1_000, timeout_s: float = 0.1) -> list[KafkaRecord]:
        """What is there, up to ``batch_max`` records, in order within a partition; empty when none came in time.

        Raises:
            TransientError: the broker is away (the client reconnects by itself).
        """
        records = []
        for message in await self._run(self._take, batch_max, timeout_s):
            error = message.error()
            if error is None:
                key = message.key()
                records.append(
                    KafkaRecord(
                        message.topic(),
                        message.partition(),
                        message.offset(),
                        key.decode() if key else "",
                        message.value() or b"",
                    )
                )
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                logger.warning("kafka", extra={"reason": error.str()})
        return records

    def _take(self, most: int, timeout_s: float) -> list[Message]:
        """What is there, and what comes within a moment of the first record: symbols whose candles close together are
        in several partitions, and a batch of some of them would make the others wait for its commit.
        """
        first = self._consumer.poll(timeout_s)
        return [] if first is None else [first, *self._consumer.consume(most - 1, GATHER_S)]

    async def commit(self, records: Iterable[KafkaRecord]) -> None:
        """Mark everything up to these records as processed.

        Raises:
            TransientError: the commit did not reach the broker; the records may come again.
        """
        latest: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            latest[place] = max(latest.get(place, 0), record.offset + 1)
        if latest:
            offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in latest.items()]
            await self._run(lambda: self._consumer.commit(offsets=offsets, asynchronous=False))

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Consume exactly these topics from now on."""
        await self._run(self._consumer.subscribe, list(topics))

    async def lag(self) -> dict[str, int]:
        """Records that wait behind the last ones polled, by topic, as far as the broker has told."""
        return cast("dict[str, int]", await self._run(self._lag))

    def _lag(self) -> dict[str, int]:
        waiting: dict[str, int] = {}
        for place in self._consumer.position(self._consumer.assignment()):
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            if place.offset >= 0 and high >= 0:
                waiting[place.topic] = waiting.get(place.topic, 0) + max(0, high - max(low, place.offset))
        return waiting

    async def pause(self) -> None:
        """Stop fetching while staying a member of the group."""
        if not self._paused:
            await self._run(lambda: self._consumer.pause(self._consumer.assignment()))
            self._paused = True

    async def resume(self) -> None:
        if self._paused:
            await self._run(lambda: self._consumer.resume(self._consumer.assignment()))
            self._paused = False

    async def close(self) -> None:
        await self._run(self._consumer.close)
        self._executor.shutdown(wait=False)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        except KafkaException as error:
            raise TransientError(f"kafka: {error.args[0]}") from error
