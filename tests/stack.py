"""The databases and the broker that the tests run on: containers where a Docker engine answers, wheels elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.data_folder import DataFolder
from cli.ports import PortChooser
from cli.processes import Child, Launch, start
from cli.stack.postgres import Postgres
from cli.stack.redis import Redis
from shared.src.domain.clock import SystemClock

START_S_MAX = 60


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
    """librdkafka's own broker in a process; answers its address."""
    process = subprocess.Popen([sys.executable, "-m", "cli.stack.mock_kafka"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["bootstrap"])
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def docker_answers() -> bool:
    """Whether a Docker engine is there to run containers."""
    if os.environ.get("ROOTTRADING_TEST_STACK") == "embedded":
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
