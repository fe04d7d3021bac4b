"""python-binance, unmodified but for its addresses, trades against the twin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

from tests.integration.simulator.conftest import RunningTwin


@pytest.fixture
async def client(lively: RunningTwin) -> AsyncIterator[Any]:
    class TwinClient(AsyncClient):  # type: ignore[misc]
        API_URL = f"{lively.rest}/api"
        MARGIN_API_URL = f"{lively.rest}/sapi"
        WS_API_URL = lively.ws_api

    made = await TwinClient.create(lively.key, lively.secret)
    yield made
    await made.close_connection()


def sockets(client: Any, twin: RunningTwin) -> Any:
    class TwinSockets(BinanceSocketManager):  # type: ignore[misc]
        STREAM_URL = f"{twin.streams}/"

    return TwinSockets(client, max_queue_size=100_000)


async def next_event(socket: Any, kind: str, **fields: Any) -> dict[str, Any]:
    """The next event of a kind with the given fields."""
    async with asyncio.timeout(60):
        while True:
            message = await socket.recv()
            event: dict[str, Any] = message.get("data", message)
            if event.get("e") == kind and all(event.get(name) == value for name, value in fields.items()):
                return event


async def test_a_whole_round_of_trading(client: Any, lively: RunningTwin) -> None:
    info = await client.get_exchange_info()
    assert len(info["symbols"]) == 22
    free = Decimal((await client.get_asset_balance("USDC"))["free"])
    assert free > 0

    async with sockets(client, lively).user_socket() as user:
        bought = await client.order_market_buy(symbol="BTCUSDC", quoteOrderQty="1000", newClientOrderId="round-1")
        assert bought["status"] == "FILLED"
        assert bought["fills"]
        report = await next_event(user, "executionReport", c="round-1", x="TRADE")
        assert report["z"] == bought["executedQty"] or report["X"] == "PARTIALLY_FILLED"
        position = await next_event(user, "outboundAccountPosition")
        assert {row["a"] for row in position["B"]} >= {"BTC", "USDC"}

        price = Decimal((await client.get_symbol_ticker(symbol="BTCUSDC"))["price"])
        low = format((price * Decimal("0.9")).quantize(Decimal("0.01")), "f")
        resting = await client.order_limit_buy(symbol="BTCUSDC", quantity="0.01", price=low)
        assert resting["status"] == "NEW"
        cancelled = await client.cancel_order(symbol="BTCUSDC", orderId=resting["orderId"])
        assert cancelled["status"] == "CANCELED"
        await next_event(user, "executionReport", i=resting["orderId"], x="CANCELED")

        quantity = format(Decimal("0.005"), "f")
        above = format((price * Decimal("1.1")).quantize(Decimal("0.01")), "f")
        below = format((price * Decimal("0.9")).quantize(Decimal("0.01")), "f")
        protection = await client.create_oco_order(
            symbol="BTCUSDC",
            side="SELL",
            quantity=quantity,
            aboveType="LIMIT_MAKER",
            abovePrice=above,
            belowType="STOP_LOSS_LIMIT",
            belowStopPrice=below,
            belowPrice=below,
            belowTimeInForce="GTC",
        )
        assert protection["listOrderStatus"] == "EXECUTING"
        await next_event(user, "listStatus", g=protection["orderListId"])
        assert len(await client.get_open_orders(symbol="BTCUSDC")) == 2
        leg = protection["orders"][0]["orderId"]
        await client.cancel_order(symbol="BTCUSDC", orderId=leg)
        await next_event(user, "listStatus", g=protection["orderListId"], L="ALL_DONE")

    trades = await client.get_my_trades(symbol="BTCUSDC", orderId=bought["orderId"])
    assert sum(Decimal(row["qty"]) for row in trades) == Decimal(bought["executedQty"])
    assert (await client.get_open_orders(symbol="BTCUSDC")) == []
    assert lively.do("GET", "/audit")["ok"]


async def test_history_is_there_for_a_warm_up(client: Any) -> None:
    for interval in ("1m", "5m", "15m", "1h", "4h", "1d"):
        rows = await client.get_klines(symbol="ETHUSDC", interval=interval, limit=1000)
        assert len(rows) >= {"4h": 300, "1d": 50}.get(interval, 250)
        assert all(len(row) == 12 for row in rows)
        assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    minutes = await client.get_klines(symbol="ETHUSDC", interval="1m", limit=1000)
    assert {later[0] - row[0] for row, later in pairwise(minutes)} == {60_000}
    assert minutes[-1][6] >= (await client.get_server_time())["serverTime"] - 5_000


async def test_candles_close_once_each_and_follow_each_other(client: Any, lively: RunningTwin) -> None:
    closed: list[int] = []
    async with sockets(client, lively).kline_socket("BTCUSDC", interval="1m") as socket:
        async with asyncio.timeout(60):
            while len(closed) < 5:
                candle = (await socket.recv())["k"]
                if candle["x"]:
                    closed.append(candle["t"])

    assert closed == list(range(closed[0], closed[0] + 5 * 60_000, 60_000))
    rows = await client.get_klines(symbol="BTCUSDC", interval="1m", startTime=closed[0], limit=5)
    assert [row[0] for row in rows] == closed


async def test_a_multiplex_socket_carries_several_streams(client: Any, lively: RunningTwin) -> None:
    names = ["btcusdc@bookTicker", "ethusdc@aggTrade", "solusdc@depth@100ms", "!miniTicker@arr"]
    seen: set[str] = set()
    async with sockets(client, lively).multiplex_socket(names) as socket:
        async with asyncio.timeout(60):
            while seen != set(names):
                seen.add((await socket.recv())["stream"])


async def test_refusals_carry_binances_codes(client: Any) -> None:
    with pytest.raises(BinanceAPIException) as refused:
        await client.order_limit_buy(symbol="BTCUSDC", quantity="0.000001", price="50000")
    assert refused.value.code == -1013
    with pytest.raises(BinanceAPIException) as refused:
        await client.order_market_sell(symbol="ETHUSDC", quantity="100")
    assert refused.value.code == -2010
    with pytest.raises(BinanceAPIException) as refused:
        await client.get_order(symbol="BTCUSDC", orderId=987654321)
    assert refused.value.code == -2013


async def test_an_order_keeps_its_place_when_amended(client: Any) -> None:
    price = Decimal((await client.get_symbol_ticker(symbol="ETHUSDC"))["price"])
    low = format((price * Decimal("0.8")).quantize(Decimal("0.01")), "f")
    order = await client.order_limit_buy(symbol="ETHUSDC", quantity="1", price=low)

    amended = await client._put(
        "order/amend/keepPriority", True, data={"symbol": "ETHUSDC", "orderId": order["orderId"], "newQty": "0.5"}
    )

    assert amended["amendedOrder"]["qty"] == "0.50000000"
    await client.cancel_order(symbol="ETHUSDC", orderId=order["orderId"])
