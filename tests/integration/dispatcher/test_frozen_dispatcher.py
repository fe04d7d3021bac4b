"""A dispatcher that is frozen with a candle in its hands, while another one takes over and stores a correction."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.contracts.topics import KAFKA_CANDLE, kafka_market
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.kafka_client import KafkaProducer
from shared.src.market.history import PostgresCandleHistory
from tests.integration.pipeline.recorded import candle, count, produce, until
from tests.processes import PORTS, ServiceProcess, environment_of

pytestmark = pytest.mark.integration

SYMBOL = "FROZENUSDC"  # of its own: a topic in Kafka outlives a test
INSERTS = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO market_data%'"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols=SYMBOL)


def dispatcher(settings: Settings, folder: Path, name: str) -> ServiceProcess:
    environment = environment_of(settings) | {"DISPATCHER_PORT": str(PORTS.any())}
    return ServiceProcess("dispatcher", environment, folder / f"{name}.log").start(wait=False)


async def test_what_a_frozen_dispatcher_had_in_its_hands_does_not_undo_a_correction(
    settings: Settings, database: Database, redis: Redis, tmp_path: Path
) -> None:
    old, later = candle(SYMBOL, 0), candle(SYMBOL, 1)
    right = replace(old, close=old.low, volume=old.volume + 1)
    with ExitStack() as stack:
        frozen = dispatcher(settings, tmp_path, "frozen")
        stack.callback(frozen.stop)
        frozen.wait_healthy()
        with psycopg.connect(settings.database_url) as locked:
            locked.execute("LOCK TABLE market_data IN SHARE MODE")
            await produce(settings, [old], source="stream")
            await until(lambda: count(database, f"SELECT count(*) {INSERTS}"), 1)
            frozen.signal(signal.SIGSTOP)
            stack.callback(frozen.signal, signal.SIGCONT)
            locked.execute(f"SELECT pg_terminate_backend(pid) {INSERTS}")
        successor = dispatcher(settings, tmp_path, "successor")
        stack.callback(successor.stop)
        await until(lambda: count(database, "SELECT count(*) FROM market_data"), 1)

        producer = KafkaProducer(settings, client_id="test")
        message = CandleMessage.of(right, source=CORRECTION, occurred_at_ms=old.close_time + 60_000)
        await producer.send(kafka_market(SYMBOL), key=SYMBOL, value=KAFKA_CANDLE.encode(message))
        await producer.close()
        await produce(settings, [later], source="stream")
        await until(lambda: count(database, "SELECT count(*) FROM market_data"), 2)

        frozen.signal(signal.SIGCONT)

        async def awake() -> int:
            return int((await asyncio.to_thread(frozen.diagnostic))["details"]["routing"]["candles_stored"])

        await until(awake, 1)
    stored = await PostgresCandleHistory(database).candles(SYMBOL, Timeframe.M1, until_ms=later.time, count=9)
    assert [(one.close, one.volume) for one in stored] == [(right.close, right.volume), (later.close, later.volume)]
    assert Decimal(old.close) != right.close
