"""An account in this process, on a market that a tape plays."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from core.positions.model import Order, Purpose
from shared.memory.manual_clock import ManualClock
from shared.src.domain.clock import from_ms
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.exchange.models import OrderReport
from simulator.engine.exchange import Engine
from simulator.fixture import parse_fixture
from simulator.tape import Tape
from trader.src.adapters.engine_exchange import EngineExchange
from trader.src.ports import Listener

SYMBOL = "BTCUSDC"
FIXTURE = {
    "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
    "market": {"kind": "synthetic", "history_minutes": 30},
    "symbols": [{"symbol": SYMBOL, "base": "BTC", "quote": "USDC", "last_price": "95000.00"}],
}


async def test_an_order_that_rests_is_heard_of_when_the_market_comes_to_it() -> None:
    engine = Engine()
    tape = Tape(parse_fixture(FIXTURE), engine)
    engine.add_account("paper", {"USDC": Decimal(10_000)})
    clock = ManualClock(from_ms(tape.now_ms))
    exchange = EngineExchange(engine, "paper", clock, tape.account_events)
    heard: list[OrderReport] = []

    async def report(found: OrderReport) -> None:
        heard.append(found)

    async def nothing(*_: object) -> None:
        return None

    hearing = asyncio.create_task(exchange.run(Listener(report, nothing, nothing, nothing)))
    price = (await exchange.ticker(SYMBOL)).bid
    await exchange.place(
        Order(
            client_order_id="a",
            intent_id="i",
            cycle_id=None,
            attempt=1,
            purpose=Purpose.MANUAL,
            symbol=SYMBOL,
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=Decimal("0.01"),
            created_at=clock.now(),
            time_in_force="GTC",
            price=price,
        )
    )
    while not heard or heard[-1].order.status is not OrderStatus.FILLED:
        tape.advance(tape.due_ms)
        exchange.announce()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    hearing.cancel()

    assert [found.order.status for found in heard] == [OrderStatus.NEW, OrderStatus.FILLED]
    assert engine.audit()["ok"]
