"""What streams cost: one lively market, many listeners.

    python -m tests.bench.bench_stream_fanout [--listeners N ...] [--seconds S] [--speed X]

Each listener takes the 1m candles and best prices of all 22 symbols of a market 60 times as fast as real, on one
combined connection. Printed: messages per second that arrived, their delay from the event time in the candle to the
listener (wall time), the twin's processor share, and what a message and a listener cost it, with and without
listeners. Listeners live in processes of their own, so that they do not wait for each other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
import websockets

from simulator.market.symbols import DEFAULT_PROFILES
from tests.integration.simulator.conftest import RunningTwin, running_twin

PROCESSES = 2


@dataclass
class Heard:
    """What one listener got. ``delays`` in ms, of candles, which carry their event time."""

    messages: int = 0
    closed: int = 0
    gaps: int = 0
    delays: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """From market to wall time."""

    market_ms: float
    wall_ms: float
    speed: float

    def wall(self, market_ms: float) -> float:
        return self.wall_ms + (market_ms - self.market_ms) / self.speed


async def listen(url: str, scale: Scale, seconds: float) -> Heard:
    heard = Heard()
    last: dict[str, int] = {}
    async with websockets.connect(url, compression=None, max_queue=None) as socket:
        try:
            async with asyncio.timeout(seconds):
                async for text in socket:
                    heard.messages += 1
                    if '"e":"kline"' not in str(text):
                        continue
                    data = json.loads(text)["data"]
                    heard.delays.append(time.time() * 1000 - scale.wall(data["E"]))
                    candle = data["k"]
                    if candle["x"]:
                        heard.closed += 1
                        heard.gaps += last.get(candle["s"], candle["t"] - 60_000) + 60_000 != candle["t"]
                        last[candle["s"]] = candle["t"]
        except TimeoutError:
            return heard
    return heard


def listen_together(url: str, scale: Scale, seconds: float, listeners: int) -> list[Heard]:
    """Several listeners in this process."""

    async def together() -> list[Heard]:
        return list(await asyncio.gather(*(listen(url, scale, seconds) for _ in range(listeners))))

    return asyncio.run(together())


def measure(twin: RunningTwin, listeners: int, seconds: float) -> dict[str, Any]:
    clock = twin.do("GET", "/clock")
    scale = Scale(clock["market_ms"], clock["wall_ms"], clock["speed"])
    names = [f"{profile.symbol.lower()}@{kind}" for profile in DEFAULT_PROFILES for kind in ("kline_1m", "bookTicker")]
    url = f"{twin.streams}/stream?streams={'/'.join(names)}"
    process = psutil.Process(twin.process.pid)
    before, began = process.cpu_times(), time.monotonic()
    if listeners:
        components = [len(range(start, listeners, PROCESSES)) for start in range(min(PROCESSES, listeners))]
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            asked = [pool.submit(listen_together, url, scale, seconds, part) for part in components]
            results = [heard for answer in asked for heard in answer.result()]
    else:
        time.sleep(seconds)
        results = []
    after, elapsed = process.cpu_times(), time.monotonic() - began
    messages = sum(heard.messages for heard in results)
    busy = after.user + after.system - before.user - before.system
    delays = sorted(delay for heard in results for delay in heard.delays)
    cuts = quantiles(delays, n=100) if len(delays) > 1 else [0.0] * 99
    return {
        "listeners": listeners,
        "messages_per_second": round(messages / seconds),
        "delay_ms": {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)},
        "cpu_share_of_one_core": round(busy / elapsed, 3),
        "cpu_s": round(busy, 3),
        "elapsed_s": round(elapsed, 2),
        "closed_candles_each": sorted({heard.closed for heard in results}),
        "gaps": sum(heard.gaps for heard in results),
        "rss_mb": round(process.memory_info().rss / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, nargs="*", default=[0, 1, 10])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--speed", type=float, default=60)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_twin(Path(folder), "--speed", str(options.speed), "--seed", "7") as twin,
    ):
        idle = 0.0
        for count in options.listeners:
            row = measure(twin, count, options.seconds)
            if not count:
                idle = row["cpu_share_of_one_core"]
            else:
                # starting listeners takes a while in which only the market runs
                extra = row["cpu_s"] - idle * row["elapsed_s"]
                row["cpu_share_per_listener"] = round(extra / options.seconds / count, 4)
                row["cpu_us_per_message"] = round(extra / max(1, row["messages_per_second"] * options.seconds) * 1e6, 1)
            print(json.dumps(row))


if __name__ == "__main__":
    main()
