"""A paper exchange in a process of its own that trades without end and says what it was told, to be killed at it.

Run: python -m tests.integration.trader.paper_child SETTINGS_AS_JSON SEED LIFE
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from shared.src.clocks import SystemClock
from shared.src.config import load_settings
from shared.src.contracts.market import MarketTick
from shared.src.database import Database
from shared.src.domain.errors import RejectedError
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.models import OrderReport
from shared.src.redis_client import RedisBus, redis_from
from tests.integration.simulator.paper_alike.orders import order
from trader.src.adapters.paper import PaperExchange
from trader.src.ports import Listener

SYMBOL = "BTCUSDC"


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts, default=str) + "\n")
    sys.stdout.flush()


async def heard(news: OrderReport) -> None:
    for fill in news.fills:
        say(trade=fill.trade_id, symbol=fill.symbol, order=fill.order_id)


async def ignored(*news: object) -> None:
    """Balances are compared afterwards."""


def tick(random: Random) -> MarketTick:
    bid = Decimal(50_000) + random.randrange(-200, 200)
    return MarketTick(
        message_id="t",
        occurred_at=datetime.now(UTC),
        symbol=SYMBOL,
        bid=bid,
        bid_quantity=Decimal("0.05"),
        ask=bid + 1,
        ask_quantity=Decimal("0.05"),
        update_id=1,
    )


async def trade(paper: PaperExchange, random: Random, name: str) -> None:
    """One thing a trader does; it says what it was answered."""
    if random.random() < 0.4:
        await paper.on_tick(tick(random))
        return
    side = random.choice((Side.BUY, Side.SELL))
    price = str(50_000 + random.randrange(-250, 250))
    with suppress(RejectedError):
        if random.random() < 0.2:
            high, low = order(f"{name}h", Side.SELL, OrderType.LIMIT_MAKER, "0.002", "50210"), "49790"
            stop = order(f"{name}l", Side.SELL, OrderType.STOP_LOSS, "0.002", stop=low)
            reports = await paper.place_pair(high, stop, f"{name}p")
        elif random.random() < 0.5:
            reports = [await paper.place(order(name, side, OrderType.LIMIT, "0.003", price))]
        else:
            reports = [await paper.place(order(name, side, OrderType.MARKET, "0.004"))]
        for report in reports:
            say(id=report.order.client_order_id, order=report.order.order_id, done=report.order.executed_quantity)
    open_orders = await paper.open_orders()
    if len(open_orders) > 4:
        with suppress(RejectedError):
            victim = random.choice(open_orders)
            await paper.cancel(order(victim.client_order_id, side, OrderType.LIMIT, "1"))
            say(cancelled=victim.order_id)


async def main(settings_json: str, seed: str, life: str) -> None:
    settings = load_settings(**json.loads(settings_json))
    random = Random(int(seed))
    redis, database = redis_from(settings), Database.of(settings, "paper")
    bus = RedisBus(redis, consumer="paper")
    paper = PaperExchange(settings, SystemClock(), database, redis=redis, notices=bus)
    await paper.prepare()
    telling = asyncio.create_task(paper.run(Listener(heard, ignored, ignored, ignored)))
    await paper.on_tick(tick(random))
    say(ready=True)
    number = 0
    while not telling.done():
        number += 1
        await trade(paper, random, f"o{life}-{number}")
    telling.result()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
