"""From Kafka to a stored decision, through the real processes on the real databases, and through their deaths."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from core.features.window import ROWS_KEPT
from shared.src.config import Settings
from shared.src.contracts.market import BookDepth, CandleMessage, DepthBand
from shared.src.contracts.topics import (
    CANDLE_CLOSED,
    CONSENSUS,
    DEPTH_KEY,
    FEATURES,
    KAFKA_CANDLE,
    KAFKA_DEPTH,
    VOTES,
    kafka_market,
)
from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.kafka_client import KafkaProducer
from shared.src.sql import text
from tests.processes import ServiceProcess, environment_of, services
from tests.streams import backlog_of, length_of, messages_of

pytestmark = pytest.mark.integration

SYMBOL = "BTCUSDC"
START = 1_760_000_040_000 // 60_000 * 60_000
CHAIN = ("dispatcher", "market_analyzer", "analyzer", "signal_aggregator")


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols=SYMBOL, interval="1m")


def candle(index: int) -> Candle:
    """A wave with drifting amplitude: crosses, touches and breakouts occur by themselves."""
    price = 50_000 * (1 + 0.01 * math.sin(index / 9) + 0.004 * math.sin(index / 2.3) + 0.0001 * index)
    close, before = (Decimal(f"{price * factor:.2f}") for factor in (1, 1 - 0.001 * math.cos(index)))
    high, low = max(close, before) * Decimal("1.0005"), min(close, before) * Decimal("0.9995")
    volume = Decimal(f"{10 + 5 * math.sin(index / 4) ** 2:.4f}")
    return Candle(SYMBOL, Timeframe.M1, START + index * 60_000, before, high, low, close, volume, volume * close, 100)


async def produce(settings: Settings, indexes: range, *, source: str) -> None:
    producer = KafkaProducer(settings, client_id="test")
    records = []
    for index in indexes:
        message = CandleMessage.of(candle(index), source=source, occurred_at_ms=START + (index + 1) * 60_000)
        records.append((SYMBOL, KAFKA_CANDLE.encode(message)))
    await producer.send_many(kafka_market(SYMBOL), records)
    await producer.close()


async def produce_depth(settings: Settings, redis: Redis, *, at_ms: int) -> None:
    """The depth of the order book, as the gateway tells it once a second; returns when it can be seen."""
    depth = BookDepth(
        message_id=f"{SYMBOL}:depth:1",
        occurred_at=from_ms(at_ms),
        symbol=SYMBOL,
        bid=Decimal("49999.5"),
        bid_quantity=Decimal(1),
        ask=Decimal("50000.5"),
        ask_quantity=Decimal(1),
        spread_bps=Decimal("0.2"),
        bands=[DepthBand(percent=Decimal("0.5"), bid=Decimal(100_000), ask=Decimal(60_000))],
        imbalance=Decimal("0.25"),
        update_id=1,
    )
    producer = KafkaProducer(settings, client_id="test")
    await producer.send(kafka_market(SYMBOL), key=SYMBOL, value=KAFKA_DEPTH.encode(depth))
    await producer.close()
    await until(lambda: redis.exists(DEPTH_KEY.format(symbol=SYMBOL)), 1)


async def count(database: Database, statement: str) -> int:
    async with database.begin() as connection:
        return int((await connection.execute(text(statement))).scalar_one())


async def until(read: Callable[[], Any], wanted: int, timeout_s: float = 60) -> int:
    async with asyncio.timeout(timeout_s):
        while (found := await read()) < wanted:  # noqa: ASYNC110 - the database does not call back
            await asyncio.sleep(0.1)
    return int(found)


async def undecided(redis: Redis, database: Database) -> int:
    """How much the aggregator still has to do, as a number that rises to zero."""
    forgotten = await count(database, "SELECT count(*) FROM trading_signals WHERE accepted AND NOT processed")
    return -forgotten - await backlog_of(redis, VOTES, "signal_aggregator")


async def rows_remembered(process: ServiceProcess) -> int:
    details = await asyncio.to_thread(process.diagnostic)
    return int(details["details"]["strategies"]["rows_remembered"])


async def test_every_candle_is_stored_once_and_decided_on(
    settings: Settings, database: Database, redis: Redis, tmp_path: Path
) -> None:
    environment = environment_of(settings, MIN_VOTES="1", GATEWAY_STREAMS="depth")
    with services(CHAIN, environment, tmp_path):
        await produce(settings, range(300), source="history")
        await produce(settings, range(300, 499), source="stream")
        await produce_depth(settings, redis, at_ms=START + 500 * 60_000 - 800)
        await produce(settings, range(499, 500), source="stream")
        assert await until(lambda: count(database, "SELECT count(*) FROM market_data"), 500) == 500
        assert await until(lambda: count(database, "SELECT count(*) FROM analyzer_data"), 200) == 200
        assert await until(lambda: length_of(redis, VOTES), 200) == 200
        assert await length_of(redis, FEATURES) == 200
        await until(lambda: undecided(redis, database), 0)
    assert await count(database, "SELECT count(*) FROM trading_signals") > 0
    assert await count(database, "SELECT count(*) FROM trading_signals WHERE accepted AND NOT processed") == 0
    accepted = await count(database, "SELECT count(*) FROM trading_signals WHERE accepted")
    assert await redis.xlen(CONSENSUS.name) == accepted
    assert await count(database, "SELECT count(*) FROM analyzer_data WHERE rsi_14 IS NULL OR ema_99 IS NULL") == 0
    # the book belongs to the one bar that closed with it, and to none before
    beside = [frame.values["spread_bps"] for frame in await messages_of(redis, FEATURES)]
    assert beside == [None] * 199 + [0.2]
    stored = "SELECT count(*) FROM analyzer_data WHERE (extra ->> 'spread_bps')::float"
    assert await count(database, f"{stored} = 0.2 AND (extra ->> 'book_imbalance')::float = 0.25") == 1
    assert await count(database, f"{stored} IS NULL") == 199


@pytest.mark.parametrize("victim", CHAIN)
async def test_a_killed_service_loses_and_doubles_nothing(
    settings: Settings, database: Database, redis: Redis, tmp_path: Path, victim: str
) -> None:
    environment = environment_of(settings, MIN_VOTES="1")
    with services(CHAIN, environment, tmp_path) as running:
        await produce(settings, range(300), source="history")
        await until(lambda: count(database, "SELECT count(*) FROM market_data"), 300)
        for start in range(300, 500, 50):
            await produce(settings, range(start, start + 50), source="stream")
            if start == 350:
                running[victim].kill()
                running[victim].start(wait=False)
        assert await until(lambda: count(database, "SELECT count(*) FROM market_data"), 500) == 500
        assert await until(lambda: count(database, "SELECT count(*) FROM analyzer_data"), 200) == 200
        voted = "SELECT count(*) FROM analyzer_data"
        assert await count(database, voted) == 200
        await until(lambda: length_of(redis, VOTES), 200)
        times = {votes.time for votes in await messages_of(redis, VOTES)}
        assert times == {START + index * 60_000 for index in range(300, 500)}
    doubled = "SELECT count(*) - count(DISTINCT (symbol, timeframe, timestamp)) FROM trading_signals"
    assert await count(database, doubled) == 0
    assert await length_of(redis, CANDLE_CLOSED) >= 200


async def test_a_restarted_analyzer_remembers_what_its_strategies_look_back_on(
    settings: Settings, database: Database, redis: Redis, tmp_path: Path
) -> None:
    environment = environment_of(settings, MIN_VOTES="1")
    with services(CHAIN, environment, tmp_path) as running:
        await produce(settings, range(300), source="history")
        await produce(settings, range(300, 320), source="stream")
        await until(lambda: count(database, "SELECT count(*) FROM analyzer_data WHERE timeframe = '1m'"), 20)
        running["analyzer"].stop()
        running["analyzer"].start()
        # it remembers a symbol when it takes over its share of the topic
        remembered = await until(lambda: rows_remembered(running["analyzer"]), ROWS_KEPT)
    assert remembered == ROWS_KEPT


async def test_a_message_that_breaks_its_contract_is_visible_as_a_dead_letter(
    settings: Settings, database: Database, redis: Redis, tmp_path: Path
) -> None:
    with services(("dispatcher",), environment_of(settings), tmp_path):
        producer = KafkaProducer(settings, client_id="test")
        await producer.send(kafka_market(SYMBOL), key=SYMBOL, value=b'{"type":"candle","symbol":"BTCUSDC"}')
        await producer.close()
        await until(lambda: count(database, "SELECT count(*) FROM dead_letters"), 1)
    async with database.begin() as connection:
        row = (await connection.execute(text("SELECT reason, payload FROM dead_letters"))).one()
    assert "time: Field required" in row.reason
    assert row.payload == '{"type":"candle","symbol":"BTCUSDC"}'


def names_redis_only(answer: tuple[int, dict[str, Any]]) -> bool:
    found = answer[1].get("dependencies", {})
    return answer[0] == 503 and bool(found["postgres"]["ok"]) and not found["redis"]["ok"]


def test_health_names_the_dependency_that_does_not_answer(settings: Settings, tmp_path: Path) -> None:
    process = ServiceProcess("analyzer", environment_of(settings, REDIS_PORT="1"), tmp_path / "log").start(wait=False)
    try:
        deadline = time.monotonic() + 60
        # a machine that stands still may make it miss the other one too, once
        while not names_redis_only(answer := process.health()) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        assert process.stop() == 0
    status, report = answer
    assert status == 503
    assert report["status"] == "unhealthy"
    assert not report["dependencies"]["redis"]["ok"]
    assert report["dependencies"]["postgres"]["ok"]
