"""What readers wait for: many clients ask the trader, the portfolio and the dashboard at once.

    python -m tests.bench.bench_rest [--clients 50] [--seconds 10] [--pause 1.0]

The services run as processes on the stack of the tests, on an account that has traded. Each client asks one service for
one page after the other and pauses in between (0: as fast as it can). Printed for each service: answers per second, ms
to the whole answer, p50, p99 and the longest, the slowest page, and the processor time of an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import aiohttp

from shared.src.config import Settings
from tests.bench.bench_orders import decide, fixture, market, trading_environment
from tests.bench.bench_pipeline import cpu_of, fresh_database, percentile, symbols_of
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.processes import ServiceProcess, services
from tests.stack import test_stack

CHAIN = ("portfolio", "trader", "coordinator", "visualization")
PAGES = {
    "trader": ("/orders", "/positions", "/balance", "/stats", "/prices"),
    "portfolio": (
        *("/summary", "/balances", "/pockets", "/positions/active", "/positions/recent", "/trades", "/ledger"),
        "/performance/daily",
    ),
    "visualization": (
        *("/api/trade-cycles", "/api/trades", "/api/orders", "/api/decisions", "/api/pockets", "/api/balances"),
        *("/api/equity", "/api/statistics/global", "/api/statistics/strategies", "/api/system"),
    ),
}
SYMBOLS = 22
Waits = dict[str, list[float]]


async def client(
    session: aiohttp.ClientSession,
    url: str,
    pages: tuple[str, ...],
    until: float,
    pause: float,
    start: int,
    waits: Waits,
) -> None:
    """One reader: each page in turn."""
    await asyncio.sleep(pause * (start % 50) / 50)
    number = start
    while time.monotonic() < until:
        page = pages[number % len(pages)]
        number += 1
        began = time.perf_counter()
        async with session.get(url + page) as answer:
            await answer.read()
            assert answer.status == 200, (url, page, answer.status)
        waits[page].append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(pause)


async def load(service: ServiceProcess, options: argparse.Namespace) -> None:
    """All clients on one service."""
    waits: Waits = defaultdict(list)
    pages = PAGES[service.name]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=options.clients)) as session:
        await client(session, service.url, pages, time.monotonic() + 1, 0, 0, defaultdict(list))
        before, until = cpu_of(service), time.monotonic() + options.seconds
        readers = [
            client(session, service.url, pages, until, options.pause, number, waits)
            for number in range(options.clients)
        ]
        await asyncio.gather(*readers)
        spent = cpu_of(service) - before
    every = [wait for each in waits.values() for wait in each]
    slowest = max(waits, key=lambda page: percentile(waits[page], 0.99))
    print(
        f"  {service.name:14} {len(every) / options.seconds:7.1f}/s  p50 {percentile(every, 0.5):6.1f}"
        f"  p99 {percentile(every, 0.99):6.1f}  longest {max(every):6.1f}   slowest {slowest}"
        f" p99 {percentile(waits[slowest], 0.99):6.1f}   {spent / len(every) * 1000:5.2f} ms of CPU each",
        flush=True,
    )


async def measure(settings: Settings, twin: RunningTwin, options: argparse.Namespace, folder: Path) -> None:
    symbols = symbols_of(SYMBOLS)
    async with market(settings, symbols) as bus:
        with services(CHAIN, trading_environment(settings, twin, symbols), folder) as running:
            await asyncio.sleep(3)
            for number in range(options.rounds):
                await decide(bus, symbols, number)
                await asyncio.sleep(2)
            print(f"{options.clients} clients, each pausing {options.pause} s between two pages:")
            for name in PAGES:
                await load(running[name], options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50, help="readers at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each service is asked")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds a reader rests between two pages")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of trading before; the last one buys")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        test_stack(Path(name)) as stack,
        running_twin(Path(name), fixture=fixture(symbols_of(SYMBOLS))) as twin,
    ):
        asyncio.run(measure(fresh_database(stack), twin, options, Path(name)))


if __name__ == "__main__":
    main()
