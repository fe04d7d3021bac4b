"""Several replicas of each service, as processes on the real databases: stopped, killed, frozen, under load."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.contracts.topics import CONSENSUS, FEATURES, VOTES
from shared.src.database import Database
from tests.integration.pipeline.recorded import SYMBOLS, Ballot, ballot, count, minutes, produce, reference, until
from tests.processes import PORTS, ServiceProcess, environment_of
from tests.streams import backlog_of, length_of, messages_of

pytestmark = pytest.mark.integration

CHAIN = ("dispatcher", "market_analyzer", "analyzer", "signal_aggregator")
HISTORY, END = 250, 350
BARS = len(SYMBOLS) * (END - HISTORY)
STORED = "SELECT count(*) FROM market_data"
FEATURE_ROWS = "SELECT count(*) FROM analyzer_data"
DOUBLED = "SELECT count(*) - count(DISTINCT (symbol, timeframe, timestamp)) FROM trading_signals"
FORGOTTEN = "SELECT count(*) FROM trading_signals WHERE accepted AND NOT processed"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols=",".join(SYMBOLS), interval="1m")


@contextmanager
def replicas(
    numbers: Mapping[str, int], settings: Settings, folder: Path, **extra: str
) -> Iterator[dict[str, list[ServiceProcess]]]:
    """So many processes of each service of the chain."""
    started: dict[str, list[ServiceProcess]] = {}
    with ExitStack() as stack:
        for name in CHAIN:
            started[name] = []
            for number in range(numbers.get(name, 1)):
                port = {f"{name.upper()}_PORT": str(PORTS.any())}
                environment = environment_of(settings, MIN_VOTES="1", **extra) | port
                process = ServiceProcess(name, environment, folder / f"{name}-{number}.log").start(wait=False)
                stack.callback(process.stop)
                started[name].append(process)
        for processes in started.values():
            for process in processes:
                process.wait_healthy()
        yield started


async def run(settings: Settings, redis: Redis, database: Database, disturb: Callable[[], None]) -> Ballot:
    """Let the market pass; in its middle something happens. Answers the votes when all bars are decided on."""
    await produce(settings, minutes(range(HISTORY)), source="history")
    await until(lambda: count(database, STORED), len(SYMBOLS) * HISTORY)
    for start in range(HISTORY, END, 25):
        await produce(settings, minutes(range(start, start + 25)), source="stream")
        if start == HISTORY + 25:
            await until(lambda: length_of(redis, VOTES), 1)
            disturb()
    await until(lambda: count(database, FEATURE_ROWS), BARS)

    async def decided() -> int:
        return len(await ballot(redis))

    await until(decided, BARS)
    return await ballot(redis)


async def check_nothing_is_lost_or_doubled(redis: Redis, database: Database) -> None:
    assert await count(database, STORED) == len(SYMBOLS) * END
    assert await count(database, FEATURE_ROWS) == BARS

    async def published() -> int:
        return -await count(database, FORGOTTEN) - await backlog_of(redis, VOTES, "signal_aggregator")

    await until(published, 0)
    assert await count(database, DOUBLED) == 0
    decisions = await messages_of(redis, CONSENSUS)
    accepted = await count(database, "SELECT count(*) FROM trading_signals WHERE accepted")
    assert len({decision.message_id for decision in decisions}) == accepted > 0
    frames = await messages_of(redis, FEATURES)
    assert len({frame.message_id for frame in frames}) == BARS


@pytest.fixture(scope="module")
def expected() -> Ballot:
    """What one process votes."""
    votes = reference(HISTORY, END)
    strategies = {vote["strategy"] for _, _, cast in votes.values() for vote in cast}
    assert "Cross_Pair_Swing" in strategies, "the market must make a strategy vote that reads other symbols"
    return votes


async def test_a_killed_worker_process_is_replaced_and_changes_no_vote(
    settings: Settings, redis: Redis, database: Database, tmp_path: Path, expected: Ballot
) -> None:
    with replicas({}, settings, tmp_path, ANALYZER_WORKERS="3") as running:
        (analyzer,) = running["analyzer"]

        def kill_a_worker() -> None:
            os.kill(analyzer.diagnostic()["details"]["workers"][0]["pid"], signal.SIGKILL)

        async def restarts() -> int:
            return int(analyzer.diagnostic()["details"]["workers"][0]["restarts"])

        assert await run(settings, redis, database, kill_a_worker) == expected
        await until(restarts, 1)  # the other worker may have been done before this one was missed
        await asyncio.to_thread(analyzer.wait_healthy)
        workers = analyzer.diagnostic()["details"]["workers"]
        assert [worker["restarts"] for worker in workers] == [1, 0]
        assert workers[0]["last_exit"] == -signal.SIGKILL
        assert analyzer.health()[1]["dependencies"]["workers"]["detail"] == "2 workers"
        await check_nothing_is_lost_or_doubled(redis, database)


async def test_replicas_that_are_killed_one_of_each_lose_and_double_nothing(
    settings: Settings, redis: Redis, database: Database, tmp_path: Path, expected: Ballot
) -> None:
    numbers = {"dispatcher": 2, "analyzer": 3, "market_analyzer": 2, "signal_aggregator": 2}
    with replicas(numbers, settings, tmp_path) as running:

        def kill_one_of_each() -> None:
            for name in CHAIN:
                running[name][0].kill()

        assert await run(settings, redis, database, kill_one_of_each) == expected
        await check_nothing_is_lost_or_doubled(redis, database)


async def test_a_replica_that_wakes_up_after_its_work_was_taken_over_changes_nothing(
    settings: Settings, redis: Redis, database: Database, tmp_path: Path, expected: Ballot
) -> None:
    with replicas({"analyzer": 2, "market_analyzer": 2}, settings, tmp_path) as running:
        frozen = [running[name][0] for name in ("analyzer", "market_analyzer")]

        def freeze() -> None:
            for process in frozen:
                process.signal(signal.SIGSTOP)

        assert await run(settings, redis, database, freeze) == expected
        for process in frozen:
            process.signal(signal.SIGCONT)
        for process in frozen:
            await asyncio.to_thread(process.wait_healthy)
        assert await ballot(redis) == expected
        await check_nothing_is_lost_or_doubled(redis, database)
