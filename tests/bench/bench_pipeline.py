"""What a decision costs: every symbol's candle closes at once, again and again, through the real processes.

    python -m tests.bench.bench_pipeline [--symbols 22,66,220] [--workers 1,2] [--minutes N] [--every S]

Dispatcher, market_analyzer, analyzer and signal_aggregator run on the stack of the tests (containers where a Docker
engine has the images, else wheels; ROOTTRADING_TEST_STACK decides). A minute of market is produced into Kafka in one
go every S seconds. Printed, in ms from before the first record is produced: when the candle, the features, the votes
and the consensus of a bar were in Redis, by Redis' own clock (one host, one clock); p50 and p99 over all bars, and
over the slowest bar of each minute; then the processor time of each service for a minute of market, how long it
waited for a core, and its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg

from database.migrate import migrate
from shared.src.config import Settings, load_settings
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import CANDLE_CLOSED, CONSENSUS, FEATURES, KAFKA_CANDLE, VOTES, Topic, kafka_market
from shared.src.domain.symbols import DEFAULT_SYMBOLS
from shared.src.kafka_client import KafkaProducer
from shared.src.redis_client import redis_from
from tests.integration.pipeline.recorded import candle
from tests.processes import ServiceProcess, environment_of, services
from tests.stack import Stack, test_stack
from tests.streams import partitions_of

CHAIN = ("dispatcher", "market_analyzer", "analyzer", "signal_aggregator")
STEPS: tuple[tuple[str, Topic[Any]], ...] = (
    ("candles", CANDLE_CLOSED),
    ("features", FEATURES),
    ("votes", VOTES),
    ("consensus", CONSENSUS),
)
HISTORY = 300
Times = dict[tuple[str, int], float]


def symbols_of(count: int) -> list[str]:
    """The default symbols, then made-up ones."""
    return [*DEFAULT_SYMBOLS, *(f"COIN{number}USDC" for number in range(count))][:count]


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Market:
    """Produces the candles of all symbols into Kafka, and remembers when."""

    def __init__(self, settings: Settings, symbols: Sequence[str]) -> None:
        self._producer = KafkaProducer(settings, client_id="bench")
        self._symbols = symbols
        self.sent: Times = {}

    async def pass_by(self, numbers: range, *, source: str) -> None:
        """Let minutes pass, all candles of one symbol in one go."""
        records: dict[str, list[tuple[str, bytes]]] = {}
        for symbol in self._symbols:
            for number in numbers:
                one = candle(symbol, number)
                message = CandleMessage.of(one, source=source, occurred_at_ms=one.close_time + 1)
                records.setdefault(symbol, []).append((symbol, KAFKA_CANDLE.encode(message)))
                self.sent[(symbol, one.time)] = 0.0
        now = time.time() * 1000
        for key in list(self.sent)[-len(self._symbols) * len(numbers) :]:
            self.sent[key] = now
        await asyncio.gather(*(self._producer.send_many(kafka_market(name), sent) for name, sent in records.items()))

    async def close(self) -> None:
        await self._producer.close()


async def arrivals(redis: Any, topic: Topic[Any]) -> Times:
    """When, in ms by Redis' clock, the message of each bar was stored."""
    found: Times = {}
    for stream in topic.streams(await partitions_of(redis)):
        for entry_id, fields in await redis.xrange(stream):
            message = topic.decode(fields[b"d"])
            found.setdefault((message.symbol, message.time), float(entry_id.partition(b"-")[0]))
    return found


def processes_of(service: ServiceProcess) -> list[psutil.Process]:
    root = psutil.Process(service.pid)
    return [root, *root.children(recursive=True)]


def cpu_of(service: ServiceProcess) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes_of(service))


def waited_of(service: ServiceProcess) -> float:
    """Seconds in which a thread of the service could have run, but every core was busy (Linux says so)."""
    files = (file for one in processes_of(service) for file in Path(f"/proc/{one.pid}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9


def memory_of(service: ServiceProcess) -> float:
    return sum(process.memory_info().rss for process in processes_of(service)) / 2**20


def report(name: str, sent: Times, arrived: Times) -> None:
    delays = {bar: arrived[bar] - sent[bar] for bar in arrived if bar in sent}
    slowest: dict[int, float] = {}
    for (_, minute), delay in delays.items():
        slowest[minute] = max(delay, slowest.get(minute, 0.0))
    every, last = list(delays.values()), list(slowest.values())
    print(
        f"  to {name:13} {len(every):6} bars  p50 {percentile(every, 0.5):6.1f}  p99 {percentile(every, 0.99):6.1f}"
        f"   slowest of a minute p50 {percentile(last, 0.5):6.1f}  p99 {percentile(last, 0.99):6.1f}"
    )


async def measure(settings: Settings, count: int, workers: int, options: argparse.Namespace, folder: Path) -> None:
    """One setting: start, warm up, let the minutes pass, report, stop."""
    symbols = symbols_of(count)
    environment = environment_of(
        settings, TRADING_SYMBOLS=",".join(symbols), INTERVAL="1m", MIN_VOTES="1", ANALYZER_WORKERS=str(workers)
    )
    redis = redis_from(settings)
    await redis.flushdb()
    market = Market(settings, symbols)
    warm = 3
    with services(CHAIN, environment, folder) as running:
        await market.pass_by(range(HISTORY), source="history")
        await market.pass_by(range(HISTORY, HISTORY + warm), source="stream")
        while len(await arrivals(redis, VOTES)) < count * warm:  # noqa: ASYNC110 - Redis does not call back
            await asyncio.sleep(0.5)
        await asyncio.sleep(2)
        market.sent.clear()
        cpu = {name: (cpu_of(service), waited_of(service)) for name, service in running.items()}
        for number in range(HISTORY + warm, HISTORY + warm + options.minutes):
            began = time.monotonic()
            await market.pass_by(range(number, number + 1), source="stream")
            await asyncio.sleep(max(0.0, options.every - (time.monotonic() - began)))
        await asyncio.sleep(2)
        print(f"{count} symbols, {workers} analyzer process(es), {options.minutes} minutes of market:")
        for name, topic in (
            ("candles", CANDLE_CLOSED),
            ("features", FEATURES),
            ("votes", VOTES),
            ("consensus", CONSENSUS),
        ):
            report(name, market.sent, await arrivals(redis, topic))
        for name, service in running.items():
            spent = (cpu_of(service) - cpu[name][0]) / options.minutes * 1000
            waited = (waited_of(service) - cpu[name][1]) / options.minutes * 1000
            print(
                f"  {name:18} per minute of market {spent:6.1f} ms of CPU, {waited:6.1f} ms waiting for a core;"
                f" {memory_of(service):6.1f} MiB",
                flush=True,
            )
    await market.close()
    await redis.aclose()


def fresh_database(stack: Stack) -> Settings:
    """Settings on a migrated database of its own."""
    given: dict[str, Any] = {name.lower(): value for name, value in stack.environment.items()}
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(load_settings(**given).database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    settings = load_settings(**(given | {"pgdatabase": name}))
    migrate(settings.database_url)
    return settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", default="22", help="how many, comma separated")
    parser.add_argument("--workers", default="1", help="ANALYZER_WORKERS, comma separated")
    parser.add_argument("--minutes", type=int, default=100, help="minutes of market measured")
    parser.add_argument("--every", type=float, default=0.5, help="wall seconds from one minute of market to the next")
    options = parser.parse_args()
    for count in map(int, options.symbols.split(",")):
        for workers in map(int, options.workers.split(",")):
            # a stack for each: topics in Kafka outlive a run
            with tempfile.TemporaryDirectory(prefix="bench-") as folder, test_stack(Path(folder)) as stack:
                asyncio.run(measure(fresh_database(stack), count, workers, options, Path(folder)))


if __name__ == "__main__":
    main()
