"""What streams cost: one lively market, many listeners.

    python -m tests.bench.bench_stream_fanout [--listeners N] [--seconds S]

Each listener takes the 1m candles, best prices and trades of all 22 symbols of a market 60 times as fast as real.
Printed: messages per second that arrived, their delay from the market's event to the listener, and the twin's
processor share and memory, with and without listeners.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import websockets

from simulator.market.symbols import DEFAULT_PROFILES
from tests.integration.simulator.conftest import RunningTwin, running_twin


async def listen(twin: RunningTwin, seconds: float) -> tuple[int, int, int]:
    """(messages, closed candles, candles that did not follow the one before) of one listener."""
    names = "/".join(
        f"{profile.symbol.lower()}@{stream}"
        for profile in DEFAULT_PROFILES
        for stream in ("kline_1m", "bookTicker", "trade")
    )
    messages = closed = broken = 0
    last: dict[str, int] = {}
    async with websockets.connect(f"{twin.streams}/stream?streams={names}", compression=None, max_queue=None) as socket:
        try:
            async with asyncio.timeout(seconds):
                async for text in socket:
                    messages += 1
                    if '"x":true' not in text:
                        continue
                    candle = json.loads(text)["data"]["k"]
                    closed += 1
                    broken += last.get(candle["s"], candle["t"] - 60_000) + 60_000 != candle["t"]
                    last[candle["s"]] = candle["t"]
        except TimeoutError:
            return messages, closed, broken
    return messages, closed, broken


async def measure(twin: RunningTwin, listeners: int, seconds: float) -> dict[str, Any]:
    process = psutil.Process(twin.process.pid)
    before, began = process.cpu_times(), time.monotonic()
    if listeners:
        results = await asyncio.gather(*(listen(twin, seconds) for _ in range(listeners)))
    else:
        await asyncio.sleep(seconds)
        results = []
    after, elapsed = process.cpu_times(), time.monotonic() - began
    messages = sum(result[0] for result in results)
    busy = after.user + after.system - before.user - before.system
    return {
        "listeners": listeners,
        "messages_per_second": round(messages / elapsed),
        "closed_candles_each": [min((r[1] for r in results), default=0), max((r[1] for r in results), default=0)],
        "gaps": sum(result[2] for result in results),
        "cpu_share_of_one_core": round(busy / elapsed, 3),
        "cpu_us_per_message": round(busy / messages * 1e6, 1) if messages else None,
        "rss_mb": round(process.memory_info().rss / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, nargs="*", default=[0, 1, 10, 50])
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_twin(Path(folder), "--speed", "60", "--seed", "7") as twin,
    ):
        for count in options.listeners:
            print(json.dumps(asyncio.run(measure(twin, count, options.seconds))))


if __name__ == "__main__":
    main()
