"""Market messages, from the exchange's socket to committed rows and Redis.

    python -m tests.bench.bench_market_data [--rate 20000] [--seconds 20] [--symbols 100] [--parts chain parser ...]

chain: a server that only sends, the real gateway, Kafka, dispatcher, PostgreSQL, Redis; every message the gateway read
is counted, every closed candle must be a row and a decision, and the last best price of every symbol must be in Redis.
Between closed candles only the newest open candle and best price of each symbol are published, ten times a second, on
purpose; how many messages that left for Kafka is printed beside how many came in.
parser: the gateway's handling of frames alone. dispatcher: a filled topic to rows and Redis, closed candles alone.
``ROOTTRADING_TEST_STACK=docker`` takes containers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from shared.src.bus.kafka_topics import create_market_topics
from shared.src.clocks import SystemClock
from shared.src.config import Settings, load_settings
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import KAFKA_CANDLE, TICK_KEY, kafka_market
from shared.src.domain.candles import Candle, Timeframe
from shared.src.kafka_client import KafkaProducer
from tests.bench.market_load import MINUTE_MS, Symbol
from tests.processes import PROJECT_ROOT, ServiceProcess, environment_of
from tests.soak.market_data import database
from tests.stack import test_stack
from tests.unit.gateway.rig import ListedExchange, gateway_on

SPEED = 60.0


def names(number: int) -> list[str]:
    return [f"C{index:03d}USDC" for index in range(number)]


# The gateway's parser


def parser(count: int) -> dict[str, Any]:
    """Frames of one symbol through ``on_frame``: microseconds each."""
    gateway, _ = gateway_on(ListedExchange(), SystemClock(), names(1))
    symbol = Symbol(names(1)[0], 0)
    skip = 4  # a ready made frame's head
    kinds = ["tick"] * 69 + ["open"] * 29 + ["closed"]

    async def feed(frames: list[bytes]) -> float:
        began = time.perf_counter()
        for frame in frames:
            await gateway.on_frame(frame)
        return (time.perf_counter() - began) / len(frames) * 1e6

    result: dict[str, Any] = {}
    for label, chosen in (("tick", ["tick"]), ("open", ["open"]), ("closed", ["closed"]), ("mix", kinds)):
        frames = [symbol.frame(chosen[number % len(chosen)], number)[skip:] for number in range(count)]
        result[f"{label}_us"] = round(asyncio.run(feed(frames)), 2)
    assert gateway.bad_frames == [], gateway.bad_frames
    return result | {"mix_per_s": round(1e6 / result["mix_us"])}


# The whole chain


@contextmanager
def sender(rate: int, seconds: float, symbols: list[str]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [
        sys.executable,
        "-m",
        "tests.bench.market_load",
        "--rate",
        str(rate),
        "--seconds",
        str(seconds),
        "--speed",
        str(SPEED),
        "--symbols",
        ",".join(symbols),
    ]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=10)


def cpu_s(process: ServiceProcess) -> float:
    assert process._process is not None
    times = psutil.Process(process._process.pid).cpu_times()
    return times.user + times.system


def chain(settings: Settings, folder: Path, rate: int, seconds: float) -> dict[str, Any]:
    symbols = list(settings.trading_symbols)
    with sender(rate, seconds, symbols) as (process, place):
        environment = environment_of(
            settings,
            BINANCE_REST_URL=f"http://127.0.0.1:{place['port']}",
            BINANCE_STREAM_URL=f"ws://127.0.0.1:{place['port']}",
            PLATFORM_CLOCK=f"{SPEED}@{place['market_ms']}@{place['wall_ms']}",
            WARMUP_CANDLES="100",
            STREAM_SILENCE_S="100",
        )
        create_market_topics(settings, settings.trading_symbols)
        redis_of(settings).flushdb()  # the weight of the requests of the same minutes of an earlier run
        dispatcher = ServiceProcess("dispatcher", environment, folder / "dispatcher.log").start()
        gateway = ServiceProcess("gateway", environment, folder / "gateway.log").start(wait=False)
        try:
            assert process.stdout is not None
            done = json.loads(process.stdout.readline())
            result = _settled(settings, gateway, dispatcher, done)
        finally:
            gateway.stop()
            dispatcher.stop()
    return {"asked_per_s": rate, "symbols": len(symbols), "seconds": seconds} | result


def redis_of(settings: Settings) -> redis.Redis:
    password = settings.redis_password.get_secret_value() or None
    return redis.Redis(host=settings.redis_host, port=settings.redis_port, db=settings.redis_db, password=password)


def _settled(
    settings: Settings, gateway: ServiceProcess, dispatcher: ServiceProcess, done: dict[str, Any]
) -> dict[str, Any]:
    """Wait for the last row and the last best price; what was lost, and how long the last took."""
    client = redis_of(settings)
    wanted_rows, deadline = sum(done["closed"].values()), time.monotonic() + 20
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute("SELECT count(*) FROM market_data WHERE timeframe = '1m'").fetchone()
            rows = row[0] if row else 0
            keys = client.mget([TICK_KEY.format(symbol=symbol) for symbol in done["update_ids"]])
            ids = [json.loads(raw)["update_id"] if raw else -1 for raw in keys]
            stale = sum(found != wanted for found, wanted in zip(ids, done["update_ids"].values(), strict=True))
            if rows >= wanted_rows and not stale:
                break
            time.sleep(0.02)
        settled_s = time.time() - done["done_s"]
        higher = connection.execute("SELECT count(*) FROM market_data WHERE timeframe <> '1m'").fetchone()
    seen, routing = gateway.diagnostic()["details"], dispatcher.diagnostic()["details"]["routing"]
    return {
        "sent": done["sent"],
        "read_by_gateway": seen["stream"]["frames"],
        "reconnects": seen["stream"]["reconnects"],
        "bad_frames": len(seen["gateway"]["bad_frames"]),
        "live_taken": seen["gateway"]["live_taken"],
        "live_published": seen["gateway"]["live_published"],
        "live_dropped": seen["gateway"]["live_dropped"],
        "closed_sent": wanted_rows,
        "rows_1m": rows,
        "rows_higher": higher[0] if higher else 0,
        "decisions": routing["routed"]["decisions"],
        "last_prices_wrong": stale,
        "settled_after_last_message_s": round(settled_s, 3),
        "gateway_cpu_s": round(cpu_s(gateway), 1),
        "dispatcher_cpu_s": round(cpu_s(dispatcher), 1),
        "lost": done["sent"] - seen["stream"]["frames"] + wanted_rows - rows + stale,
    }


# The dispatcher alone


def closed(symbol: str, index: int) -> bytes:
    price = Decimal("25.3519") + Decimal(index % 1000) / 10_000
    candle = Candle(
        symbol,
        Timeframe.M1,
        1_767_225_600_000 + index * MINUTE_MS,
        price,
        price + 1,
        price - 1,
        price,
        Decimal("1000.1234"),
        Decimal("25361.12345678"),
        100,
        Decimal("500.12"),
        Decimal("12680.5"),
    )
    return KAFKA_CANDLE.encode(CandleMessage.of(candle, source="stream", occurred_at_ms=candle.close_time))


async def fill(settings: Settings, count: int) -> None:
    producer = KafkaProducer(settings, client_id="bench")
    symbols = settings.trading_symbols
    each = count // len(symbols)
    for symbol in symbols:
        await producer.send_many(kafka_market(symbol), [(symbol, closed(symbol, index)) for index in range(each)])
    await producer.close()


def alone(settings: Settings, folder: Path, count: int) -> dict[str, Any]:
    """Closed candles only: every message is a row, a decision and a notice."""
    create_market_topics(settings, settings.trading_symbols)
    asyncio.run(fill(settings, count))
    wanted = count // len(settings.trading_symbols) * len(settings.trading_symbols)
    process = ServiceProcess("dispatcher", environment_of(settings), folder / "dispatcher.log").start(wait=False)
    try:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            began, rows, deadline = 0.0, 0, time.monotonic() + 180
            while rows < wanted and time.monotonic() < deadline:
                row = connection.execute("SELECT count(*) FROM market_data").fetchone()
                rows = row[0] if row else 0
                if rows and not began:
                    began, first = time.monotonic(), rows
                time.sleep(0.02)
        elapsed = time.monotonic() - began
        routing = process.diagnostic()["details"]["routing"]
        busy = cpu_s(process)
    finally:
        process.stop()
    return {
        "records": wanted,
        "rows": rows,
        "rows_per_s": round((rows - first) / elapsed),
        "batch_mean": routing["batch_mean"],
        "dispatcher_cpu_us_per_row": round(busy / wanted * 1e6, 1),
        "lost": wanted - rows,
    }


def main() -> None:
    parts = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts.add_argument("--rate", type=int, nargs="*", default=[20_000])
    parts.add_argument("--seconds", type=float, default=20)
    parts.add_argument("--symbols", type=int, default=100)
    parts.add_argument("--records", type=int, default=100_000)
    parts.add_argument("--parts", nargs="*", default=["parser", "chain", "dispatcher"])
    options = parts.parse_args()
    if "parser" in options.parts:
        print(json.dumps({"part": "parser"} | parser(100_000)), flush=True)
    if not {"chain", "dispatcher"} & set(options.parts):
        return
    with tempfile.TemporaryDirectory() as place, test_stack(Path(place) / "stack") as stack:
        values = {name.lower(): value for name, value in stack.environment.items()}
        base = load_settings(**values, trading_symbols=",".join(names(options.symbols)))
        for number, rate in enumerate(options.rate if "chain" in options.parts else ()):
            with database(base.model_copy(update={"kafka_group_id": f"chain-{number}"})) as settings:
                result = chain(settings, Path(place), rate, options.seconds)
                print(json.dumps({"part": "chain", "stack": stack.source} | result), flush=True)
        if "dispatcher" in options.parts:
            few = load_settings(**values, trading_symbols=",".join(f"D{index:03d}USDC" for index in range(20)))
            with database(few.model_copy(update={"kafka_group_id": "alone"})) as settings:
                result = alone(settings, Path(place), options.records)
                print(json.dumps({"part": "dispatcher", "stack": stack.source} | result), flush=True)


if __name__ == "__main__":
    main()
