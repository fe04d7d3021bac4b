"""Kafka to the database and Redis, and Redis back to Kafka. Offsets are committed after the effect.

When the database or Redis is away, Kafka is paused and the batch in hand is tried again: nothing is dropped, nothing
grows, and the order holds.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from dispatcher.src.message_router import MIRROR, Routed, route
from dispatcher.src.ports import DeadLetterStore, EventLog, MarketRecords
from shared.src.bus.dead_letters import DeadLetter
from shared.src.bus.kafka_record import KafkaRecord
from shared.src.bus.ports import Bus, LastValues
from shared.src.contracts.topics import (
    CANDLE_CLOSED,
    KAFKA_DEAD_LETTERS,
    Topic,
    kafka_market,
)
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.frame import metrics
from shared.src.market.ports import CandleWriter
from shared.src.retry import Backoff, until_done

logger = logging.getLogger(__name__)

AWAY = Backoff(first_s=0.1, max_s=5.0)
LETTER_WAITS = Backoff(first_s=1.0, max_s=1.0)
LAG_EVERY_S = 2.0

ROUTED = Counter("roottrading_routed", "messages by destination", ["destination"])
RETRIES = Counter("roottrading_dispatch_retries", "batches tried again, by what was away", ["dependency"])
LAG = Gauge("roottrading_dispatch_lag", "records of market data that wait in Kafka")
BATCH = Histogram("roottrading_dispatch_batch", "records in a batch", buckets=(1, 4, 16, 64, 256, 1_000, 4_000))


class DispatcherService:
    """Owns ``market_data``, ``dead_letters`` and the routes between Kafka and Redis."""

    def __init__(
        self,
        *,
        records: MarketRecords,
        event_log: EventLog,
        bus: Bus,
        values: LastValues,
        candles: CandleWriter,
        dead_letters: DeadLetterStore,
        clock: Clock,
    ) -> None:
        self._records = records
        self._event_log = event_log
        self._bus = bus
        self._values = values
        self._candles = candles
        self._dead_letters = dead_letters
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._waiting_for = ""
        self._lag: dict[str, int] = {}
        self._batches = self._largest_batch = self._repeats = 0

    def statistics(self) -> dict[str, Any]:
        """Routing statistics: by route, what waits in Kafka (by topic, those with a lag), batches, what is waited
        for.
        """
        records = self._counts.get("records", 0)
        return {
            "routed": dict(self._counts),
            "candles_stored": self._counts.get("database", 0),
            "lag": sum(self._lag.values()),
            "lag_by_topic": {topic: waiting for topic, waiting in self._lag.items() if waiting},
            "batches": self._batches,
            "batch_mean": round(records / self._batches, 1) if self._batches else 0,
            "batch_largest": self._largest_batch,
            "repeated_attempts": self._repeats,
            "waiting_for": self._waiting_for,
        }

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on as long as the service."""
        return {
            "kafka": self.run,
            "lag": self.watch_lag,
            "mirror": self._bus.run,
            "dead-letters": self.keep_dead_letters,
        }

    # Kafka -> database and Redis

    async def run(self) -> None:
        """Route batches until cancelled."""
        while True:
            try:
                records = await self._records.poll()
            except TransientError as error:
                logger.warning("kafka away", extra={"reason": str(error)})
                await self._clock.sleep(1)
                continue
            if records:
                await self.dispatch(records)

    async def dispatch(self, records: Sequence[KafkaRecord]) -> None:
        """Give records their effects, then commit them; waits as long as something is away."""
        routed = route(records)
        await self._until_done("database", lambda: self._candles.store(routed.store))
        await self._until_done("redis", lambda: self._to_redis(routed))
        try:
            await self._records.commit(records)
        except TransientError as error:
            # the records come again and change nothing
            logger.warning("offsets not committed", extra={"reason": str(error)})
        self._count(routed, len(records))

    async def _to_redis(self, routed: Routed) -> None:
        for record, reason in routed.dead:
            await self._bus.dead_letter(record.topic, consumer="dispatcher", raw=record.value, reason=reason)
        if routed.decide:
            await self._bus.publish_many(CANDLE_CLOSED, routed.decide)
        if notices := routed.notices():
            await self._bus.notify_many(notices)
        if values := routed.last_values():
            await self._values.put(values)

    async def _until_done(self, what: str, action: Callable[[], Awaitable[None]]) -> None:
        """Try until it is done; meanwhile Kafka waits."""

        async def attempt() -> None:
            try:
                await action()
            except TransientError:
                await self._pause()
                raise

        await until_done(attempt, AWAY, sleep=self._clock.sleep, on_failure=partial(self._note_waiting, what))
        if self._waiting_for:
            self._waiting_for = ""
            await self._records.resume()

    def _note_waiting(self, what: str, error: TransientError) -> None:
        self._waiting_for = f"{what}: {error}"
        self._repeats += 1
        RETRIES.labels(what).inc()
        logger.warning("dispatch waits", extra={"for": what, "reason": str(error)})

    async def _pause(self) -> None:
        """Stop fetching: nothing piles up. A wait beyond the poll interval costs the partitions, and no record: what
        was not committed comes again."""
        try:
            await self._records.pause()
        except TransientError as error:
            logger.warning("could not pause kafka", extra={"reason": str(error)})

    def _count(self, routed: Routed, records: int) -> None:
        numbers = {
            "database": len(routed.store),
            "decisions": len(routed.decide),
            "screens": len(routed.shown) + len(routed.forming),
            "newest": len(routed.newest),
            "dead_letters": len(routed.dead),
        }
        for destination, number in numbers.items():
            self._counts[destination] = self._counts.get(destination, 0) + number
            ROUTED.labels(destination).inc(number)
        self._counts["records"] = self._counts.get("records", 0) + records
        self._batches += 1
        self._largest_batch = max(self._largest_batch, records)
        BATCH.observe(records)
        metrics.MESSAGES_IN.labels("market.data").inc(records)

    async def follow_symbols(self, symbols: Sequence[str]) -> None:
        """Consume the topics of exactly these symbols from now on."""
        await self._records.subscribe([kafka_market(symbol) for symbol in symbols])

    async def watch_lag(self) -> None:
        """Note what waits in Kafka, for /metrics and /diagnostic."""
        while True:
            try:
                self._lag = await self._records.lag()
                LAG.set(sum(self._lag.values()))
            except TransientError as error:
                logger.warning("lag is not known", extra={"reason": str(error)})
            await self._clock.sleep(LAG_EVERY_S)

    # Redis -> Kafka

    def subscribe_mirrors(self) -> None:
        """Mirror every decision and execution into Kafka."""
        for topic, kafka_topic in MIRROR.items():
            self._bus.subscribe_batch(topic, self._mirror(topic, kafka_topic), group="mirror")

    def _mirror(self, topic: Topic[Any], kafka_topic: str) -> Callable[[list[BaseModel]], Awaitable[None]]:
        async def forward(messages: list[BaseModel]) -> None:
            records = [(topic.key_of(message), topic.encode(message)) for message in messages]
            await self._event_log.send_many(kafka_topic, records)
            self._counts[f"kafka:{kafka_topic}"] = self._counts.get(f"kafka:{kafka_topic}", 0) + len(records)

        return forward

    # Dead letters

    async def keep_dead_letters(self) -> None:
        """Move dead letters from Redis into the database and Kafka; of several replicas, whoever is first."""
        async for letter in self._bus.dead_letters():
            await until_done(
                partial(self._keep, letter), LETTER_WAITS, sleep=self._clock.sleep, on_failure=_note_letter_waits
            )

    async def _keep(self, letter: DeadLetter) -> None:
        if await self._dead_letters.store(letter):
            await self._event_log.send(KAFKA_DEAD_LETTERS, key="dead", value=letter.encode())

    async def replay(self, letter_id: int) -> bool:
        """Send a dead letter to where it came from once more; False when there is none of that id."""
        found = await self._dead_letters.take_for_replay(letter_id)
        if found is None:
            return False
        source, payload = found
        if source.startswith("market.data"):
            await self._event_log.send(source, key=source.rpartition(".")[2].upper(), value=payload.encode())
        else:
            await self._bus.publish_raw(source, payload.encode())
        return True


def _note_letter_waits(error: TransientError) -> None:
    logger.warning("dead letters wait", extra={"reason": str(error)})
