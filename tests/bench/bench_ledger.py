"""What a reservation and a fill cost after 1,000 and after 200,000 fills: the books' work must not grow with them.

    python -m tests.bench.bench_ledger [--fills 1000 200000] [--times 200]

A portfolio's bookkeeper on PostgreSQL of the tests' stack, its history written by SQL: one fill a minute, six lines
each. Printed, in ms: p50 and p99 of a reservation, of a fill from its message, and of the sum of all accounts; at the
end the ratio of the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles

from core.capital.ledger import opening_posting
from portfolio.src.adapters.postgres_capital import PostgresCapital
from portfolio.src.booking import Booking
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.pockets import PocketManager
from shared.memory.bus import InMemoryBus
from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.sql import text
from tests.behaviour.portfolio.world import SHARES, wanted
from tests.bench.bench_pipeline import fresh_database
from tests.integration.portfolio.builders import TraderRows
from tests.stack import test_stack

END = datetime(2026, 6, 1, tzinfo=UTC)
FILLS = """
WITH f AS (SELECT n, CAST(:end AS timestamptz) - n * INTERVAL '1 minute' AS at
           FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n)
"""
HISTORY = (
    f"""
    INSERT INTO orders (client_order_id, intent_id, purpose, symbol, side, type, quantity, status, demo, created_at,
                        updated_at)
    {FILLS} SELECT 'old-' || n, 'old-' || n, 'entry', 'BTCUSDC', 'BUY', 'MARKET', 1, 'FILLED', TRUE, at, at FROM f
    """,
    f"""
    INSERT INTO trade_executions (id, order_id, client_order_id, trade_id, symbol, side, price, quantity,
                                  quote_quantity, fee, fee_asset, role, purpose, demo, timestamp, published)
    {FILLS} SELECT 'old-' || n, '1', 'old-' || n, n, 'BTCUSDC', CASE n % 2 WHEN 0 THEN 'BUY' ELSE 'SELL' END, 100, 1,
                   100, 0.1, 'BNB', 'taker', 'entry', TRUE, at, TRUE FROM f
    """,
    f"""
    INSERT INTO ledger_postings (posting_id, kind, occurred_at) {FILLS} SELECT 'fill:old-' || n, 'fill', at FROM f
    """,
    f"""
    INSERT INTO ledger_lines (posting_id, line_no, account, asset, amount)
    {FILLS} SELECT 'fill:old-' || n, l.no, l.account, l.asset, l.amount * CASE n % 2 WHEN 0 THEN 1 ELSE -1 END
    FROM f CROSS JOIN (VALUES (0, 'trading', 'BTC', -1), (1, 'exchange', 'BTC', 1), (2, 'exchange', 'USDC', -100),
                              (3, 'trading', 'USDC', 100), (4, 'exchange', 'BNB', -0.1), (5, 'fees', 'BNB', 0.1)
    ) AS l (no, account, asset, amount)
    """,
)
SUM_OF_ALL = "SELECT account, asset, amount FROM ledger_balances"


async def grow(database: Database, first: int, last: int) -> None:
    """Write fills ``first`` to ``last`` as the trader and the books would have."""
    values = {"end": END, "first": first, "last": last}
    async with database.begin() as connection:
        for statement in HISTORY:
            await connection.execute(text(statement), values)
    async with database.autocommit() as connection:
        await connection.execute(text("ANALYZE"))


async def timed(times: int, work: Callable[[int], Awaitable[object]]) -> list[float]:
    spent = []
    for number in range(times):
        start = time.perf_counter()
        await work(number)
        spent.append((time.perf_counter() - start) * 1000)
    return spent


async def measure(database: Database, books: Bookkeeper, times: int, mark: int) -> dict[str, list[float]]:
    trader = TraderRows(database, END + timedelta(minutes=mark))
    events = [await trader.entry(f"fill-{mark}-{number}", mark * 10**6 + number) for number in range(times)]

    async def reserve(number: int) -> None:
        name = f"lease-{mark}-{number}"
        await books.reserve([wanted(name, Decimal(1))], ttl_s=60)
        await books.release(name, "measured")

    async def fill(number: int) -> None:
        await books.on_executions([events[number]])

    async def sum_of_all(_: int) -> None:
        async with database.autocommit() as connection:
            await connection.execute(text(SUM_OF_ALL))

    return {
        "reserve_and_release": await timed(times, reserve),
        "fill": await timed(times, fill),
        "sum_of_all_accounts": await timed(times, sum_of_all),
    }


async def run(settings: Settings, counts: list[int], times: int) -> None:
    database = Database.of(settings, "bench")
    store = PostgresCapital(database)
    await store.found(SHARES, END)
    async with store.change() as transaction:
        held = {"USDC": Decimal(10**7), "BNB": Decimal(10**5), "BTC": Decimal(10**3)}
        await transaction.ledger.add(opening_posting(held, END - timedelta(days=365)))
    pockets, clock = PocketManager(store, quote_asset="USDC"), SystemClock()
    booking = Booking(pockets, store, InMemoryBus(), clock, quote_asset="USDC")
    books = Bookkeeper(pockets, booking, clock, quote_asset="USDC")
    medians: list[dict[str, float]] = []
    known = 0
    for mark, count in enumerate(counts, start=1):
        await grow(database, known + 1, count)
        known = count
        spent = await measure(database, books, times, mark)
        medians.append({name: median(values) for name, values in spent.items()})
        shown = {n: {"p50": round(median(v), 2), "p99": round(quantiles(v, n=100)[98], 2)} for n, v in spent.items()}
        print(json.dumps({"fills": count, "ms": shown}))
    print(json.dumps({"ratio_of_medians": {n: round(medians[-1][n] / medians[0][n], 2) for n in medians[0]}}))
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fills", type=int, nargs="+", default=[1_000, 200_000], help="numbers, growing")
    parser.add_argument("--times", type=int, default=200, help="how often each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, test_stack(Path(folder)) as stack:
        asyncio.run(run(fresh_database(stack), options.fills, options.times))


if __name__ == "__main__":
    main()
