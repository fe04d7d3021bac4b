"""Orders and queries per second through the twin's REST API, over real connections, and where an order's time goes.

    python -m tests.bench.bench_twin_rest [--clients 1 20] [--seconds S]

The twin runs as a process of its own with a still market; clients keep their connection alive, sign every request and
live in this process. ``cpu_us`` is the twin's own processor time per request, so it holds whatever else the machine
does. The shares are measured piece by piece in this process: signature, engine, JSON, the rest of the call (parameters,
limits, views), and what remains of ``cpu_us`` is HTTP and sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import psutil

from simulator.api.auth import sign, verify
from simulator.api.order_params import parse_order
from simulator.api.params import Params
from simulator.api.views.orders import ResponseType, placement_view
from simulator.app import create_app
from simulator.fixture import parse_fixture
from simulator.twin import Twin
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
KINDS = ("ping", "ticker/price?symbol=BTCUSDT", "depth?symbol=BTCUSDT", "account", "order")


def request_for(twin: RunningTwin, kind: str) -> bytes:
    """One request as it goes over the wire."""
    method, target = "GET", f"/api/v3/{kind}"
    if kind in ("order", "account"):
        query = urlencode({**(ORDER if kind == "order" else {}), "timestamp": int(time.time() * 1000)})
        signature = hmac.new(twin.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        method, target = "POST" if kind == "order" else "GET", f"{target}?{query}&signature={signature}"
    head = f"{method} {target} HTTP/1.1\r\nHost: twin\r\nX-MBX-APIKEY: {twin.key}\r\nContent-Length: 0\r\n\r\n"
    return head.encode()


async def answer_of(reader: asyncio.StreamReader) -> int:
    """Read one answer to its end; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    mark = head.lower().index(b"content-length:") + 15
    await reader.readexactly(int(head[mark : head.index(b"\r\n", mark)]))
    return int(head[9:12])


async def load(twin: RunningTwin, kind: str, clients: int, seconds: float) -> dict[str, Any]:
    """Send one kind of request on every connection as fast as answers come."""
    times: list[float] = []
    failures = 0
    url = httpx.URL(twin.rest)

    async def one(end: float) -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection(url.host, url.port)
        while time.monotonic() < end:
            began = time.perf_counter()
            writer.write(request_for(twin, kind))
            failures += await answer_of(reader) != 200
            times.append(time.perf_counter() - began)
        writer.close()

    process = psutil.Process(twin.process.pid)
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.gather(*(one(began + seconds) for _ in range(clients)))
    elapsed, after = time.monotonic() - began, process.cpu_times()
    busy = after.user + after.system - before.user - before.system
    cuts = quantiles(times, n=100)
    return {
        "request": kind,
        "clients": clients,
        "per_second": round(len(times) / elapsed),
        "cpu_us": round(busy / len(times) * 1e6),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
        "failures": failures,
    }


def cost_us(work: Callable[[], Any], rounds: int = 3000) -> float:
    """Processor time of one call in microseconds."""
    for _ in range(rounds // 10):
        work()
    began = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - began) / rounds * 1e6


def pieces() -> dict[str, float]:
    """What the components of an order cost, in microseconds."""
    twin = Twin(parse_fixture({**STILL, "limits": LIMITS}))
    key = next(iter(twin.state.keys.values()))
    account, exchange, params = twin.exchange.account(key.account), twin.exchange, Params(ORDER)

    def place() -> Any:
        placed = exchange.place(account, parse_order(params), twin.clock.now_ms())
        exchange.drain()
        return placed

    query = urlencode({**ORDER, "timestamp": int(time.time() * 1000), "recvWindow": 60000}).encode()
    signature = sign(key, query)
    view = placement_view(place(), ResponseType.FULL, 0)
    app = create_app(twin, "token")
    scope = {
        "type": "http", "method": "POST", "path": "/api/v3/order", "root_path": "", "client": ("127.0.0.1", 1),
        "query_string": query + b"&signature=" + signature.encode(),
        "headers": [(b"host", b"twin"), (b"x-mbx-apikey", key.api_key.encode()), (b"content-length", b"0")],
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        return None

    async def orders(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            await app(dict(scope), receive, send)
        return (time.process_time() - began) / count * 1e6

    asyncio.run(orders(300))
    return {
        "signature": cost_us(lambda: verify(key, query, signature)),
        "engine": cost_us(place) - cost_us(lambda: parse_order(params)),
        "json": cost_us(lambda: orjson.dumps(view)),
        "whole_call": asyncio.run(orders(3000)),
    }


def shares(cpu_us: float) -> dict[str, Any]:
    """How an order's processor time divides up."""
    costs = pieces()
    whole = costs.pop("whole_call")
    costs["parameters_limits_views"] = whole - sum(costs.values())
    costs["http_and_sockets"] = max(0.0, cpu_us - whole)
    return {name: {"us": round(us, 1), "share": round(us / cpu_us, 3)} for name, us in costs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 20])
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    fixture = {**STILL, "limits": LIMITS}
    with tempfile.TemporaryDirectory() as folder, running_twin(Path(folder), fixture=fixture) as twin:
        figures = [
            asyncio.run(load(twin, kind, clients, options.seconds)) for kind in KINDS for clients in options.clients
        ]
    for row in figures:
        print(json.dumps(row))
    print(json.dumps({"one_order": shares(figures[-1]["cpu_us"])}))


if __name__ == "__main__":
    main()
