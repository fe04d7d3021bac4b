"""Operations of the matching engine alone per second of CPU: place, cancel, match, and books that outsiders move.

Also: what an order costs in a book of 10, 1,000 and 100,000 resting orders, each at a price of its own, and what a
process needs after many orders.

Run: python -m tests.bench.bench_matching [--orders N] [--long N]
"""

from __future__ import annotations

import argparse
import gc
import json
from decimal import Decimal
from random import Random
from time import process_time

from psutil import Process

from shared.src.domain.orders import OrderType, Side
from simulator.engine.exchange import Engine
from simulator.engine.orders import OrderRequest, Ref, TimeInForce
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters

SYMBOL = "BTCUSDT"
TICK = Decimal("0.01")
LOT = Decimal("0.001")


def make_exchange() -> Engine:
    """One symbol with production filters (order counts aside), two rich accounts."""
    exchange = Engine()
    filters = [entry for entry in default_filters() if not entry["filterType"].startswith("MAX_NUM")]
    exchange.add_symbol(MarketRules.create(SYMBOL, "BTC", "USDT", filters), Decimal(50_000))
    for name in ("maker", "taker"):
        exchange.add_account(name, {"BTC": Decimal(10**6), "USDT": Decimal(10**11)}, Decimal("0.001"), Decimal("0.001"))
    return exchange


def limit(side: Side, price: Decimal, quantity: Decimal) -> OrderRequest:
    return OrderRequest(SYMBOL, side, OrderType.LIMIT, quantity, price, TimeInForce.GTC)


def bench_place_and_cancel(count: int) -> float:
    """Orders that rest at 1,000 prices and are cancelled in random order."""
    exchange, random = make_exchange(), Random(1)
    account = exchange.account("maker")
    requests = [limit(Side.BUY, Decimal(49_000) + TICK * random.randrange(1_000), LOT) for _ in range(count)]
    start = process_time()
    ids = [exchange.place(account, request, 1).order.order_id for request in requests]
    random.shuffle(ids)
    for order_id in ids:
        exchange.cancel(account, SYMBOL, Ref(order_id), 2)
        exchange.drain()
    return 2 * count / (process_time() - start)


def bench_matching(count: int) -> float:
    """Pairs of a resting order and one that takes it."""
    exchange, random = make_exchange(), Random(2)
    maker, taker = exchange.account("maker"), exchange.account("taker")
    prices = [Decimal(50_000) + TICK * random.randrange(100) for _ in range(count)]
    start = process_time()
    for price in prices:
        exchange.place(maker, limit(Side.SELL, price, LOT), 1)
        exchange.place(taker, limit(Side.BUY, price, LOT), 1)
        exchange.drain()
    return 2 * count / (process_time() - start)


def bench_outside(count: int) -> float:
    """Books of 20 levels a side that move by a tick, and a trade after each move."""
    exchange = make_exchange()
    start = process_time()
    for index in range(count):
        middle = Decimal(50_000) + TICK * (index % 50)
        bids = [(middle - TICK * level, LOT * (level + index % 3)) for level in range(1, 21)]
        asks = [(middle + TICK * level, LOT * (level + index % 3)) for level in range(1, 21)]
        exchange.set_liquidity(SYMBOL, bids, asks, index)
        exchange.outside_trade(SYMBOL, Side.BUY, LOT, index, price=middle + TICK, print_rest=True)
        exchange.drain()
    return 2 * count / (process_time() - start)


def bench_depth(standing: int, count: int) -> float:
    """Microseconds of a place and a cancel among ``standing`` orders. Garbage collection is off: it would measure how
    many orders there are, not what is done with them."""
    exchange, random = make_exchange(), Random(3)
    account = exchange.account("maker")
    ticks = random.sample(range(2 * max(standing, count)), standing)
    for tick in ticks:
        exchange.place(account, limit(Side.BUY, Decimal(20_000) + TICK * 2 * tick, LOT), 1)
        exchange.drain()
    prices = [Decimal("20000.01") + TICK * 2 * random.randrange(2 * max(standing, count)) for _ in range(count)]
    gc.collect()
    gc.disable()
    start = process_time()
    ids = [exchange.place(account, limit(Side.BUY, price, LOT), 1).order.order_id for price in prices]
    random.shuffle(ids)
    for order_id in ids:
        exchange.cancel(account, SYMBOL, Ref(order_id), 2)
    spent = process_time() - start
    gc.enable()
    return spent / count * 1e6


def bench_memory(count: int) -> list[int]:
    """MiB of this process after each quarter of ``count`` orders: half of them trade, half are cancelled."""
    exchange = make_exchange()
    maker, taker = exchange.account("maker"), exchange.account("taker")
    held = []
    for quarter in range(4):
        for _ in range(count // 16):
            exchange.place(maker, limit(Side.SELL, Decimal(50_000), LOT), quarter)
            exchange.place(taker, limit(Side.BUY, Decimal(50_000), LOT), quarter)
            for account in (maker, taker):
                resting = exchange.place(account, limit(Side.BUY, Decimal(49_000), LOT), quarter).order.order_id
                exchange.cancel(account, SYMBOL, Ref(resting), quarter)
            exchange.drain()
        gc.collect()
        held.append(Process().memory_info().rss >> 20)
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--long", type=int, default=40_000, help="orders of the long run")
    options = parser.parse_args()
    count = options.orders
    rates: dict[str, object] = {
        # first, while nothing else has filled the memory
        "mib_after_each_quarter": bench_memory(options.long),
        "place_cancel_ops_per_s": round(bench_place_and_cancel(count)),
        "match_ops_per_s": round(bench_matching(count)),
        "outside_ops_per_s": round(bench_outside(count // 4)),
    }
    depths = {standing: round(bench_depth(standing, 5_000), 1) for standing in (10, 1_000, 100_000)}
    rates["place_and_cancel_us_by_depth"] = depths
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
