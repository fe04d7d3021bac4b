"""From a consensus to the order at the exchange: many symbols decide at once, through the real processes.

    python -m tests.bench.bench_orders [--symbols 22] [--rounds 20] [--every S]

Portfolio, coordinator and trader run on the stack of the tests (ROOTTRADING_TEST_STACK decides which) and trade with
the twin over HTTP, in a market that stands still. Every S seconds all symbols' decisions are published in one go: to
buy, and the next time to sell. Printed, in ms from before they are published: when the intents were in Redis, by
Redis' own clock, and when the exchange matched the orders, by its own clock (one host, one clock); p50 and p99 over
all orders, and over the last one of each round; then the processor time of each service for a round.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.market import MarketTick
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import CONSENSUS, KAFKA_TICK, ORDER_INTENT, TICK_KEY
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from shared.src.redis_client import RedisBus, redis_from
from shared.src.sql import text
from tests.bench.bench_pipeline import cpu_of, fresh_database, memory_of, report, symbols_of, waited_of
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.processes import environment_of, services
from tests.stack import test_stack

CHAIN = ("portfolio", "trader", "coordinator")
PRICE = Decimal(100)
BID = Decimal("99.99")
DEPTH = Decimal(1_000_000)  # base units at the best price: nobody has to ask for the rest of the book
FILLS = """
SELECT symbol, side, purpose, extract(epoch FROM min(timestamp)) * 1000 AS at FROM trade_executions
WHERE purpose IN ('entry', 'exit') GROUP BY symbol, side, purpose, client_order_id
"""
WARM = 2
Sent = dict[tuple[str, int], float]


def fixture(symbols: Sequence[str]) -> dict[str, Any]:
    """A market that never moves and never runs dry."""
    listed = [
        {
            "symbol": symbol,
            "base": symbol.removesuffix("USDC"),
            "quote": "USDC",
            "last_price": str(PRICE),
            "bids": [[str(BID), str(DEPTH)]],
            "asks": [[str(PRICE), str(DEPTH)]],
        }
        for symbol in symbols
    ]
    account = {"name": "demo", "balances": {"USDC": "1000000"}}
    return {
        "seed": 7,
        "clock": {"mode": "real"},
        "market": {"kind": "still"},
        "symbols": listed,
        "accounts": [account],
    }


def signal(symbol: str, number: int, side: Side) -> ConsensusSignal:
    """A decision on the bar that closes now."""
    clock = SystemClock()
    now = clock.now_ms()
    return ConsensusSignal(
        message_id=f"bench-{symbol}-{number}",
        occurred_at=clock.now(),
        symbol=symbol,
        timeframe=Timeframe("1m"),
        time=now - 60_000,
        close_time=now,
        side=side,
        strength=0.9,
        level=StrengthLevel.of(0.9),
        confidence=0.9,
        price=PRICE,
        strategy="EMA_Cross",
        strategies=("EMA_Cross",),
        families=("trend",),
    )


def trading_environment(settings: Settings, twin: RunningTwin, symbols: Sequence[str]) -> dict[str, str]:
    """The environment of services that trade with the twin, without limits that bind."""
    return environment_of(
        settings,
        TRADING_SYMBOLS=",".join(symbols),
        SIMULATOR_URL=twin.rest,
        BINANCE_API_KEY=twin.key,
        BINANCE_SECRET_KEY=twin.secret,
        MAX_CONCURRENT_POSITIONS="200",
        MAX_ORDERS_PER_MINUTE="100000",
        MAX_POSITION_SIZE="500",
        MAX_DAILY_LOSS="100000",
    )


async def decide(bus: RedisBus, symbols: Sequence[str], number: int) -> None:
    """Decisions for all symbols: to buy in even rounds, to sell in odd ones."""
    side = Side.BUY if number % 2 == 0 else Side.SELL
    await bus.publish_many(CONSENSUS, [signal(symbol, number, side) for symbol in symbols])


@asynccontextmanager
async def market(settings: Settings, symbols: Sequence[str]) -> AsyncIterator[RedisBus]:
    """A bus on an empty Redis, with prices that stay fresh."""
    redis = redis_from(settings)
    await redis.flushdb()
    ticking = asyncio.create_task(_keep_ticking(redis, symbols))
    try:
        yield RedisBus(redis, consumer="bench")
    finally:
        ticking.cancel()
        await redis.aclose()


async def _keep_ticking(redis: Any, symbols: Sequence[str]) -> None:
    """What the dispatcher does while the market is quiet: prices that are not old."""
    clock = SystemClock()
    while True:
        pipeline = redis.pipeline(transaction=False)
        for number, symbol in enumerate(symbols):
            tick = MarketTick(
                message_id=f"tick-{symbol}",
                occurred_at=clock.now(),
                symbol=symbol,
                bid=BID,
                bid_quantity=DEPTH,
                ask=PRICE,
                ask_quantity=DEPTH,
                update_id=number,
            )
            pipeline.set(TICK_KEY.format(symbol=symbol), KAFKA_TICK.encode(tick))
        await pipeline.execute()
        await asyncio.sleep(0.5)


async def intents(redis: Any, sent: Sent) -> Sent:
    """When each round's intents were in Redis."""
    found: Sent = {}
    for entry_id, fields in await redis.xrange(ORDER_INTENT.name):
        symbol, number = ORDER_INTENT.decode(fields[b"d"]).consensus_id.removeprefix("bench-").rsplit("-", 1)
        if (symbol, int(number)) in sent:
            found[(symbol, int(number))] = float(entry_id.partition(b"-")[0])
    return found


async def matched(database: Database, sent: Sent) -> Sent:
    """When the exchange matched each round's orders."""
    async with database.begin() as connection:
        rows = (await connection.execute(text(FILLS))).all()
    found: Sent = {}
    for row in rows:
        before = [key for key, at in sent.items() if key[0] == row.symbol and at <= float(row.at)]
        key = max(before, key=lambda each: each[1], default=None)
        if key is not None and (key[1] % 2 == 0) == (row.side == Side.BUY.value):
            found[key] = float(row.at)
    return found


async def measure(settings: Settings, twin: RunningTwin, options: argparse.Namespace, folder: Path) -> None:
    symbols = symbols_of(options.symbols)
    environment = trading_environment(settings, twin, symbols)
    database = Database.of(settings, "bench")
    async with market(settings, symbols) as bus:
        with services(CHAIN, environment, folder) as running:
            await asyncio.sleep(3)
            sent: Sent = {}
            spent: dict[str, tuple[float, float]] = {}
            for number in range(options.rounds + WARM):
                if number == WARM:
                    sent.clear()
                    spent = {name: (cpu_of(service), waited_of(service)) for name, service in running.items()}
                sent |= dict.fromkeys(((symbol, number) for symbol in symbols), time.time() * 1000)
                await decide(bus, symbols, number)
                await asyncio.sleep(options.every)
            print(f"{len(symbols)} symbols decide at once, {options.rounds} times:")
            for what, arrived in (
                ("intents", await intents(bus.redis, sent)),
                ("orders", await matched(database, sent)),
            ):
                for turn, name in enumerate(("buy", "sell")):
                    report(f"{what}, {name}", sent, {key: at for key, at in arrived.items() if key[1] % 2 == turn})
            for name, service in running.items():
                cpu, waited = cpu_of(service) - spent[name][0], waited_of(service) - spent[name][1]
                print(
                    f"  {name:18} per round {cpu / options.rounds * 1000:6.1f} ms of CPU,"
                    f" {waited / options.rounds * 1000:6.1f} ms waiting for a core; {memory_of(service):6.1f} MiB",
                    flush=True,
                )
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=22, help="how many decide at once")
    parser.add_argument("--rounds", type=int, default=20, help="how often; every second time they sell")
    parser.add_argument("--every", type=float, default=2.0, help="seconds from one round to the next")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        test_stack(Path(name)) as stack,
        running_twin(Path(name), fixture=fixture(symbols_of(options.symbols))) as twin,
    ):
        asyncio.run(measure(fresh_database(stack), twin, options, Path(name)))


if __name__ == "__main__":
    main()
