"""A local order book over the twin's own streams and REST, while depth messages are lost, doubled and swapped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.src.order_books import OrderBooks
from gateway.src.service import GatewayService
from shared.src.clocks import SystemClock
from shared.src.config import OptionalStream, Settings
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.market_stream import BinanceWebSocket
from tests.integration.simulator.conftest import STILL, RunningTwin, running_twin
from tests.unit.gateway.rig import ListedExchange, gateway_on

pytestmark = pytest.mark.integration

SYMBOL = "BTCUSDT"
DEPTH = {"endpoint": "btcusdt@depth*"}
FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "stream_drop", "probability": 0.2, "match": DEPTH},
    {"fault": "stream_duplicate", "probability": 0.2, "match": DEPTH},
    {"fault": "stream_reorder", "probability": 0.2, "match": DEPTH},
)


def offers(random: Random) -> dict[str, Any]:
    middle = 50_000 + random.randint(-20, 20)
    sides = {
        name: [[str(middle + sign * (1 + 3 * place)), str(random.randint(1, 9))] for place in range(6)]
        for name, sign in (("bids", -1), ("asks", 1))
    }
    return {"symbol": SYMBOL, **sides}


@asynccontextmanager
async def gateway_of(twin: RunningTwin, settings: Settings) -> AsyncIterator[GatewayService]:
    clock = SystemClock()
    client = BinanceClient(settings, clock)
    gateway, kept = gateway_on(ListedExchange(), clock, [SYMBOL], optional=[OptionalStream.DEPTH])
    gateway.books = OrderBooks(MarketData(client, clock), clock=clock, producer=kept)
    gateway.books.set_symbols([SYMBOL])
    gateway.ready.set()
    socket = BinanceWebSocket(
        settings.stream_url, gateway.streams, clock=clock, on_frame=gateway.on_frame, on_connect=gateway.on_connect
    )
    running = [asyncio.create_task(work) for work in (socket.run(), gateway.books.run())]
    try:
        yield gateway
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await client.close()


def exchange_book(twin: RunningTwin) -> tuple[int, list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    answer = twin.get("/api/v3/depth", symbol=SYMBOL, limit=100)
    bids, asks = (
        [(Decimal(price), Decimal(quantity)) for price, quantity in answer[side]] for side in ("bids", "asks")
    )
    return answer["lastUpdateId"], bids, asks


async def becomes(gateway: GatewayService, update_id: int) -> bool:
    """Whether the book soon is the one of that update: it stays behind when the message was lost before the last."""
    for _ in range(20):
        await asyncio.sleep(0.1)
        book = gateway.books._books[SYMBOL]
        if book.ready and book.update_id == update_id:
            return True
    return False


async def test_a_book_is_rebuilt_until_it_is_the_exchanges_again(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    random, shown = Random(3), 0
    with running_twin(tmp_path, fixture=STILL) as twin:
        settings = make_settings(simulator_url=twin.rest)
        async with gateway_of(twin, settings) as gateway:
            known = {}
            for step in range(300):
                if step > 30 and shown > 3 and gateway.books.statistics()["rebuilds"]:
                    break
                if step == 5:
                    for fault in FAULTS:
                        await asyncio.to_thread(twin.do, "POST", "/faults", fault)
                await asyncio.to_thread(twin.do, "POST", "/liquidity", offers(random))
                update_id, bids, asks = await asyncio.to_thread(exchange_book, twin)
                known[update_id] = (bids, asks)
                await asyncio.sleep(0.1)
                book = gateway.books._books[SYMBOL]
                if book.ready and book.update_id in known:
                    shown += 1
                    assert book.levels() == known[book.update_id]
            await asyncio.to_thread(twin.do, "DELETE", "/faults", {})
            async with asyncio.timeout(60):
                while True:
                    await asyncio.to_thread(twin.do, "POST", "/liquidity", offers(random))
                    wanted = await asyncio.to_thread(exchange_book, twin)
                    if await becomes(gateway, wanted[0]):
                        break
            assert gateway.books._books[SYMBOL].levels() == wanted[1:]
            assert shown > 3, "the book was hardly ever shown"
            assert gateway.books.statistics()["rebuilds"] > 0, "no fault struck"
            assert gateway.bad_frames == []
