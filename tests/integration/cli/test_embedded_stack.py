"""The embedded databases and broker: real servers, on free ports, with passwords, that survive what kills them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from redis.asyncio import Redis as Client
from redis.exceptions import AuthenticationError

from cli.data_folder import DataFolder
from cli.process.ports import HOST, PortChooser
from cli.run.supervised import SupervisedComponent
from cli.run.supervisor import Supervisor
from cli.stack.kafka.brokers import EmbeddedKafka
from cli.stack.postgres import Postgres
from cli.stack.redis import Redis
from shared.src.clocks import SystemClock
from tests.integration.cli.fake_platform import TinyService

PATIENCE_S = 60.0


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder.at(tmp_path / "data")
    folder.create()
    return folder


@pytest.fixture
async def supervisor(data: DataFolder) -> AsyncIterator[Supervisor]:
    running = Supervisor(data, SystemClock(), kind="platform", mode="paper", report=print)
    yield running
    await running.stop()


def postgres(data: DataFolder, *, fresh: bool = False) -> Postgres:
    return Postgres(data, port=PortChooser().any(), database="trading", fresh=fresh)


async def eventually(read: Callable[[], bool]) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_S
    while not read():
        assert clock.monotonic() < deadline, "it never happened"
        await clock.sleep(0.05)


async def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


def runs_anew(entry: SupervisedComponent, old_pid: int) -> Callable[[], bool]:
    return lambda: entry.health.healthy and entry.child is not None and entry.child.pid != old_pid


async def test_postgres_wants_its_password_and_listens_on_loopback_only(
    data: DataFolder, supervisor: Supervisor
) -> None:
    server = postgres(data)
    await supervisor.bring_up(server)
    assert await ask(server.url(), "SHOW listen_addresses") == [(HOST,)]
    with pytest.raises(psycopg.OperationalError, match="password"):
        await ask(server.url().replace(server.password, "guessed"), "SELECT 1")


async def test_what_was_committed_survives_a_kill_of_postgres(data: DataFolder, supervisor: Supervisor) -> None:
    server = postgres(data)
    await supervisor.bring_up(server)
    await ask(server.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    entry = supervisor.components["postgres"]
    assert entry.child is not None
    pid = entry.child.pid
    os.kill(pid, signal.SIGKILL)
    await eventually(runs_anew(entry, pid))
    assert await ask(server.url(), "SELECT answer FROM kept") == [(42,)]
    assert entry.restarts == 1


async def test_a_second_start_reuses_the_cluster_and_a_fresh_one_empties_the_database(data: DataFolder) -> None:
    for fresh, expected in ((False, None), (False, "kept"), (True, None)):
        running = Supervisor(data, SystemClock(), kind="platform", mode="paper", report=print)
        server = postgres(data, fresh=fresh)
        try:
            await running.bring_up(server)
            assert await ask(server.url(), "SELECT to_regclass('kept')::text") == [(expected,)]
            await ask(server.url(), "CREATE TABLE IF NOT EXISTS kept (answer int)")
        finally:
            await running.stop()


async def test_redis_wants_its_password_and_keeps_what_it_confirmed(data: DataFolder, supervisor: Supervisor) -> None:
    server = Redis(data, port=PortChooser().any(), fresh=False)
    await supervisor.bring_up(server)
    unknown = Client(host=HOST, port=server.port)
    with pytest.raises(AuthenticationError):
        await unknown.ping()
    await unknown.aclose()
    client = Client(host=HOST, port=server.port, password=server.password)
    await client.set("kept", "42")
    entry = supervisor.components["redis"]
    assert entry.child is not None
    pid = entry.child.pid
    os.kill(pid, signal.SIGKILL)
    await eventually(runs_anew(entry, pid))
    assert await client.get("kept") == b"42"
    await client.aclose()


async def test_the_embedded_broker_takes_and_gives_messages(data: DataFolder, supervisor: Supervisor) -> None:
    broker = EmbeddedKafka(data)
    await supervisor.bring_up(broker)
    address = broker.variables()["KAFKA_BROKER"]
    producer = Producer({"bootstrap.servers": address})
    producer.produce("market.data.btcusdc", b"candle")
    assert await asyncio.to_thread(producer.flush, PATIENCE_S) == 0
    settings = {"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings | {"session.timeout.ms": 6000, "fetch.wait.max.ms": 1})
    consumer.subscribe(["market.data.btcusdc"])
    message = await asyncio.to_thread(consumer.poll, PATIENCE_S)
    assert message is not None
    assert message.value() == b"candle"
    await asyncio.to_thread(consumer.close)


async def test_services_are_restarted_when_the_broker_comes_back_elsewhere(
    data: DataFolder, supervisor: Supervisor
) -> None:
    broker = EmbeddedKafka(data)
    await supervisor.bring_up(broker)
    before = broker.variables()["KAFKA_BROKER"]
    [service] = supervisor.begin_services([TinyService("one", data, PortChooser().any())])
    await supervisor.until_healthy([service], timeout_s=PATIENCE_S)
    assert service.child is not None
    pid = service.child.pid
    entry = supervisor.components["kafka"]
    assert entry.child is not None
    os.kill(entry.child.pid, signal.SIGKILL)
    await eventually(runs_anew(service, pid))
    assert broker.variables()["KAFKA_BROKER"] != before


async def test_nothing_secret_stands_on_a_command_line(data: DataFolder, supervisor: Supervisor) -> None:
    servers = (postgres(data), Redis(data, port=PortChooser().any(), fresh=False))
    for server in servers:
        await supervisor.bring_up(server)
    lines = [
        " ".join(psutil.Process(entry.child.pid).cmdline()) for entry in supervisor.components.values() if entry.child
    ]
    assert not [line for line in lines for server in servers if server.password in line]
