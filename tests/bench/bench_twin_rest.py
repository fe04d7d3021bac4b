"""Requests per second and latency of the twin's REST door, over real connections.

    python -m tests.bench.bench_twin_rest [--connections N] [--seconds S]

The twin runs as a process of its own with a still market; the load comes from this one. Figures of the twin's own
processor time per request say what it costs apart from the machine's other work.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

import aiohttp
import psutil

from tests.integration.simulator.conftest import STILL, RunningTwin, running_twin

LIMITS = {"weight_1m": 10**9, "orders_10s": 10**9, "orders_1d": 10**9, "raw_5m": 10**9, "connections_5m": 10**6}

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "IOC",
    "quantity": "0.0002",
    "price": "49000",
}


def signed(twin: RunningTwin, params: dict[str, Any]) -> str:
    query = urlencode({**params, "timestamp": int(time.time() * 1000)})
    return query + "&signature=" + hmac.new(twin.secret.encode(), query.encode(), hashlib.sha256).hexdigest()


async def load(twin: RunningTwin, name: str, connections: int, seconds: float) -> dict[str, Any]:
    """Send one kind of request on every connection as fast as answers come."""
    times: list[float] = []
    failures = 0
    end = time.monotonic() + seconds

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal failures
        while time.monotonic() < end:
            began = time.perf_counter()
            if name == "order":
                call = session.post(f"{twin.rest}/api/v3/order?{signed(twin, ORDER)}", headers=key)
            elif name == "account":
                call = session.get(f"{twin.rest}/api/v3/account?{signed(twin, {})}", headers=key)
            else:
                call = session.get(f"{twin.rest}/api/v3/{name}")
            async with call as answer:
                await answer.read()
                failures += answer.status != 200
            times.append(time.perf_counter() - began)

    key = {"X-MBX-APIKEY": twin.key}
    process = psutil.Process(twin.process.pid)
    before = process.cpu_times()
    began = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        await asyncio.gather(*(one(session) for _ in range(connections)))
    elapsed = time.monotonic() - began
    after = process.cpu_times()
    busy = after.user + after.system - before.user - before.system
    cuts = quantiles(times, n=100)
    return {
        "per_second": round(len(times) / elapsed),
        "cpu_us_per_request": round(busy / len(times) * 1e6),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
        "failures": failures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    kinds = ("ping", "ticker/price?symbol=BTCUSDT", "depth?symbol=BTCUSDT", "account", "order")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_twin(Path(folder), fixture={**STILL, "limits": LIMITS}) as twin,
    ):
        figures = {kind: asyncio.run(load(twin, kind, options.connections, options.seconds)) for kind in kinds}
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
