"""ccxt, unmodified but for its addresses, trades against the twin over REST and WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.integration.simulator.conftest import RunningTwin


@pytest.fixture
async def exchange(lively: RunningTwin) -> AsyncIterator[Any]:
    made = ccxt.pro.binance(
        {
            "apiKey": lively.key,
            "secret": lively.secret,
            "options": {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}},
        }
    )
    made.urls["api"]["public"] = made.urls["api"]["private"] = f"{lively.rest}/api/v3"
    made.urls["api"]["v1"] = f"{lively.rest}/api/v1"
    made.urls["api"]["sapi"] = f"{lively.rest}/sapi/v1"
    made.urls["api"]["ws"]["spot"] = f"{lively.streams}/ws"
    made.urls["api"]["ws"]["ws-api"]["spot"] = lively.ws_api
    yield made
    await made.close()


async def test_a_round_over_rest(exchange: Any) -> None:
    markets = await exchange.load_markets()
    assert len(markets) == 22
    assert markets["BTC/USDC"]["precision"]["price"] == 0.01
    before = await exchange.fetch_balance()
    assert before["USDC"]["free"] > 0

    bought = await exchange.create_order("SOL/USDC", "market", "buy", 2)
    assert bought["status"] == "closed"
    assert bought["filled"] == 2
    ticker = await exchange.fetch_ticker("SOL/USDC")
    resting = await exchange.create_order("SOL/USDC", "limit", "buy", 1, ticker["last"] * 0.8)
    assert resting["status"] == "open"
    assert [order["id"] for order in await exchange.fetch_open_orders("SOL/USDC")] == [resting["id"]]
    assert (await exchange.cancel_order(resting["id"], "SOL/USDC"))["status"] == "canceled"
    trades = await exchange.fetch_my_trades("SOL/USDC")
    assert sum(Decimal(trade["info"]["qty"]) for trade in trades if trade["order"] == bought["id"]) == 2
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order("SOL/USDC", "market", "sell", 5000)


async def test_what_it_asks_of_the_wallet(exchange: Any) -> None:
    await exchange.load_markets()
    assert (await exchange.fetch_status())["status"] == "ok"
    fees = await exchange.fetch_trading_fees()
    assert len(fees) == 22
    assert fees["BTC/USDC"]["maker"] == fees["BTC/USDC"]["taker"] == 0.001
    assert (await exchange.fetch_trading_fee("ETH/USDC"))["taker"] == 0.001


async def test_candles_books_and_trades_over_rest(exchange: Any) -> None:
    await exchange.load_markets()
    candles = await exchange.fetch_ohlcv("BTC/USDC", "5m", limit=300)
    assert len(candles) == 300
    book = await exchange.fetch_order_book("BTC/USDC", 20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]
    tickers = await exchange.fetch_tickers(["BTC/USDC", "ETH/USDC"])
    assert set(tickers) == {"BTC/USDC", "ETH/USDC"}
    assert await exchange.fetch_trades("BTC/USDC", limit=5)


async def test_streams_over_its_websocket(exchange: Any) -> None:
    await exchange.load_markets()
    async with asyncio.timeout(60):
        candles = await exchange.watch_ohlcv("BTC/USDC", "1m")
        assert candles[-1][4] > 0
        ticker = await exchange.watch_ticker("ETH/USDC")
        assert ticker["last"] > 0
        trades = await exchange.watch_trades("BTC/USDC")
        assert trades[-1]["amount"] > 0
        for _ in range(5):
            book = await exchange.watch_order_book("BTC/USDC")
            assert book["bids"][0][0] < book["asks"][0][0]


async def test_own_orders_over_its_websocket(exchange: Any) -> None:
    await exchange.load_markets()
    async with asyncio.timeout(60):
        watching = asyncio.create_task(exchange.watch_orders("XRP/USDC"))
        balance = asyncio.create_task(exchange.watch_balance())
        await asyncio.sleep(1.5)
        order = await exchange.create_order("XRP/USDC", "market", "buy", 100)
        seen = await watching
        assert seen[-1]["id"] == order["id"]
        assert (await balance)["USDC"]["total"] > 0
        placed = await exchange.create_order_ws("XRP/USDC", "limit", "buy", 10, 1.0)
        assert placed["status"] == "open"
        assert (await exchange.fetch_order_ws(placed["id"], "XRP/USDC"))["id"] == placed["id"]
        assert (await exchange.cancel_order_ws(placed["id"], "XRP/USDC"))["status"] == "canceled"
