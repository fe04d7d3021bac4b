"""The dispatcher without Kafka, Redis and PostgreSQL: records are committed after their effect, whatever is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from dispatcher.src.adapters.memory_dead_letters import MemoryDeadLetters
from dispatcher.src.composition import compose
from dispatcher.src.service import DispatcherService
from gateway.src.kafka_producer import KafkaMarketProducer
from shared.memory.bus import InMemoryBus
from shared.memory.candles import MemoryCandleStore
from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import run_simulated
from shared.memory.kafka import MemoryKafka, MemoryKafkaConsumer, MemoryKafkaProducer
from shared.memory.last_values import MemoryLastValues
from shared.memory.manual_clock import ManualClock
from shared.src.bus.kafka_record import KafkaRecord
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import CANDLE_CLOSED, KAFKA_CANDLE, KAFKA_TICK, TICK_KEY, kafka_market
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import TransientError
from tests.unit.dispatcher.test_message_router import candle, record, tick


class ListedRecords:
    """One batch, then none; keeps what was committed."""

    def __init__(self, *batch: KafkaRecord) -> None:
        self.batch = list(batch)
        self.committed: list[KafkaRecord] = []
        self.told: list[str] = []

    async def poll(self) -> Sequence[KafkaRecord]:
        return self.batch

    async def commit(self, records: Sequence[KafkaRecord]) -> None:
        self.committed += records

    async def pause(self) -> None:
        self.told.append("pause")

    async def resume(self) -> None:
        self.told.append("resume")

    async def subscribe(self, topics: Sequence[str]) -> None:
        self.told += topics

    async def lag(self) -> dict[str, int]:
        return {}


class KeptLog:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    async def send(self, topic: str, *, key: str, value: bytes) -> None:
        self.sent.append((topic, value))

    async def send_many(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        self.sent += [(topic, value) for _, value in records]


class FailingTwice(MemoryCandleStore):
    failures = 2

    async def store(self, candles: Sequence[CandleMessage]) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the database is away")
        await super().store(candles)


def dispatcher_on(records: ListedRecords, candles: MemoryCandleStore, log: KeptLog) -> DispatcherService:
    clock = ManualClock()
    return compose(
        bus=InMemoryBus(),
        clock=clock,
        records=records,
        event_log=log,
        values=MemoryLastValues(clock),
        candles=candles,
        dead_letters=MemoryDeadLetters(clock),
    )


async def stored(candles: MemoryCandleStore) -> int:
    return len(await candles.candles("BTCUSDC", Timeframe.M1, until_ms=10**12, count=10))


async def test_kafka_waits_while_the_database_is_away_and_nothing_is_committed_before_it_is_stored() -> None:
    records, candles = ListedRecords(record(candle())), FailingTwice()
    dispatcher = dispatcher_on(records, candles, KeptLog())
    await dispatcher.dispatch(records.batch)
    assert (await stored(candles), records.committed) == (1, records.batch)
    assert records.told == ["pause", "pause", "resume"]
    assert dispatcher.statistics()["repeated_attempts"] == 2
    assert dispatcher.statistics()["candles_stored"] == 1


def test_what_the_gateway_publishes_is_stored_then_decided_on_and_the_newest_is_kept() -> None:
    closed = KAFKA_CANDLE.decode(candle()).candle()
    seen: list[Candle] = []

    async def main(clock: SimulatedClock) -> None:
        kafka, bus, values, candles = MemoryKafka(), InMemoryBus(), MemoryLastValues(clock), MemoryCandleStore()
        gateway = KafkaMarketProducer(MemoryKafkaProducer(kafka), clock)
        dispatcher = compose(
            bus=bus,
            clock=clock,
            records=MemoryKafkaConsumer(kafka, group="dispatcher", topics=[kafka_market("BTCUSDC")]),
            event_log=MemoryKafkaProducer(kafka),
            values=values,
            candles=candles,
            dead_letters=MemoryDeadLetters(clock),
        )

        async def decide(messages: list[CandleMessage]) -> None:
            assert await stored(candles) == 1
            seen.extend(message.candle() for message in messages)

        bus.subscribe_batch(CANDLE_CLOSED, decide, group="analyzer")
        tasks = [asyncio.ensure_future(work()) for work in dispatcher.tasks().values()]
        gateway.live([KAFKA_TICK.decode(tick(1)), KAFKA_TICK.decode(tick(2))])
        await gateway.closed([closed], source="stream")
        await clock.settle()
        assert await values.get([TICK_KEY.format(symbol="BTCUSDC")]) == [tick(2)]
        for task in tasks:
            task.cancel()

    run_simulated(main, start=from_ms(60_000))
    assert seen == [closed]


async def test_a_letter_from_kafka_goes_back_to_kafka_and_an_unknown_one_nowhere() -> None:
    log = KeptLog()
    clock: Any = ManualClock()
    letters = MemoryDeadLetters(clock)
    records = ListedRecords(record(b"broken"))
    bus = InMemoryBus()
    dispatcher = compose(
        bus=bus,
        clock=clock,
        records=records,
        event_log=log,
        values=MemoryLastValues(clock),
        candles=MemoryCandleStore(),
        dead_letters=letters,
    )
    await dispatcher.dispatch(records.batch)
    letter = await anext(bus.dead_letters())
    await letters.store(letter)
    assert await dispatcher.replay(1)
    assert log.sent == [("market.data.btcusdc", b"broken")]
    assert not await dispatcher.replay(2)
