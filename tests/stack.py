"""The databases and the broker that the tests run on: containers where a Docker engine answers, wheels elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cli.data_folder import DataFolder
from cli.process.child import Child, Launch, start
from cli.process.ports import PortChooser
from cli.stack.postgres import Postgres
from cli.stack.redis import Redis
from shared.src.clocks import SystemClock

START_S_MAX = 60
IMAGES = {
    "TIMESCALEDB_IMAGE": os.environ.get("TIMESCALEDB_IMAGE", "timescale/timescaledb:2.22.1-pg17"),
    "REDIS_IMAGE": os.environ.get("REDIS_IMAGE", "redis:7.4.2-alpine"),
    "KAFKA_IMAGE": os.environ.get("KAFKA_IMAGE", "apache/kafka:4.1.0"),
}


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the parts answer, as the environment variables that services read."""

    environment: Mapping[str, str]
    source: str


@contextmanager
def embedded_stack(folder: Path) -> Iterator[Stack]:
    """PostgreSQL and Redis from wheels and librdkafka's broker, below ``folder``."""
    data = DataFolder(folder)
    data.create()
    data.logs.mkdir(exist_ok=True)
    ports = PortChooser()
    postgres = Postgres(data, port=ports.choose(25432), database="postgres", fresh=False)
    redis = Redis(data, port=ports.choose(26379), fresh=True)
    with ExitStack() as stack:
        stack.callback(ports.close)
        for part in (postgres, redis):
            part.prepare()
            stack.enter_context(_running(part.launch(), part))
        kafka = stack.enter_context(mock_kafka())
        yield Stack(
            {**postgres.variables(), **redis.variables(), "KAFKA_BROKER": kafka, "KAFKA_EMBEDDED": "true"}, "wheels"
        )


@contextmanager
def _running(launch: Launch, part: Any) -> Iterator[Child]:
    clock = SystemClock()
    child = start(launch, clock)
    try:
        asyncio.run(_healthy(part, clock))
        yield child
    finally:
        asyncio.run(child.stop(clock))


async def _healthy(part: Any, clock: SystemClock) -> None:
    deadline = clock.monotonic() + START_S_MAX
    while not (health := await part.probe()).healthy:
        assert clock.monotonic() < deadline, f"{part.name} did not start: {health.detail}"
        await clock.sleep(0.1)


@contextmanager
def mock_kafka() -> Iterator[str]:
    """librdkafka's own broker in a process; returns its address."""
    process = subprocess.Popen([sys.executable, "-m", "cli.stack.kafka.mock_broker"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["bootstrap"])
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def test_stack(folder: Path) -> Iterator[Stack]:
    """Containers where a Docker engine has their images, otherwise the embedded stack.

    ``ROOTTRADING_TEST_STACK`` decides instead: ``docker`` takes containers, ``embedded`` wheels.
    """
    wanted = os.environ.get("ROOTTRADING_TEST_STACK", "")
    use_docker = wanted == "docker" or (wanted != "embedded" and images_are_here())
    with container_stack() if use_docker else embedded_stack(folder) as running:
        sys.stderr.write(f"tests run on {running.source}\n")
        yield running


test_stack.__test__ = False  # type: ignore[attr-defined]  # a helper, not a test


def images_are_here() -> bool:
    """Whether a Docker engine answers and already has every image: a test run pulls nothing by itself."""
    try:
        engine = subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False)
        if engine.returncode != 0:
            return False
        found = subprocess.run(["docker", "image", "inspect", *IMAGES.values()], capture_output=True, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0


@contextmanager
def container_stack() -> Iterator[Stack]:
    """TimescaleDB, Redis and Apache Kafka in containers, the images those of the compose file."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its image may not be there; ``with`` cleans up
    from testcontainers.core.container import DockerContainer

    kafka_port = PortChooser().any()
    address = f"127.0.0.1:{kafka_port}"
    database = (
        DockerContainer(IMAGES["TIMESCALEDB_IMAGE"])
        .with_env("POSTGRES_USER", "roottrading")
        .with_env("POSTGRES_PASSWORD", "for-tests-only")
        .with_env("POSTGRES_DB", "postgres")
        .with_env("LANG", "C.UTF-8")
        .with_exposed_ports(5432)
    )
    redis = DockerContainer(IMAGES["REDIS_IMAGE"]).with_exposed_ports(6379)
    kafka = DockerContainer(IMAGES["KAFKA_IMAGE"]).with_bind_ports(9092, kafka_port)
    for name, value in _kafka_environment(address).items():
        kafka = kafka.with_env(name, value)
    with database, redis, kafka:
        environment = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(database.get_exposed_port(5432)),
            "PGUSER": "roottrading",
            "PGPASSWORD": "for-tests-only",
            "PGDATABASE": "postgres",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(redis.get_exposed_port(6379)),
            "KAFKA_BROKER": address,
        }
        _wait_for_containers(environment)
        yield Stack(environment, "containers")


def _kafka_environment(address: str) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{address}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_HEAP_OPTS": "-Xmx256m",
    }


def _wait_for_containers(environment: Mapping[str, str]) -> None:
    deadline = time.monotonic() + START_S_MAX
    dsn = f"postgresql://roottrading:for-tests-only@127.0.0.1:{environment['PGPORT']}/postgres"
    checks: dict[str, Callable[[], object]] = {
        "PostgreSQL": lambda: psycopg.connect(dsn, connect_timeout=2).close(),
        "Redis": lambda: socket.create_connection(("127.0.0.1", int(environment["REDIS_PORT"])), 2).close(),
        "Kafka": lambda: AdminClient({"bootstrap.servers": environment["KAFKA_BROKER"]}).list_topics(timeout=2),
    }
    for name, check in checks.items():
        while True:
            try:
                check()
                break
            except (psycopg.Error, OSError, KafkaException) as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} did not start in its container") from error
                time.sleep(0.3)
