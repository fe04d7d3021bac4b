"""What the exchange answers becomes the platform's own errors and Decimals; nothing else crosses the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from shared.src.clocks import ScaledClock, SystemClock
from shared.src.config import load_settings
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import (
    ConfigurationError,
    ContractError,
    OutcomeUnknownError,
    RejectedError,
    RootTradingError,
    TransientError,
)
from shared.src.domain.orders import OrderStatus
from shared.src.exchange.account import AccountData, OrderCalls
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.rules import SymbolRules

ORDER = {"symbol": "BTCUSDC", "side": "BUY", "type": "MARKET", "quantity": "0.00001", "newClientOrderId": "rt-1"}
FILLED = {
    "symbol": "BTCUSDC",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": "rt-1",
    "transactTime": 1507725176595,
    "price": "0.00000000",
    "origQty": "1.00000000",
    "executedQty": "1.00000000",
    "origQuoteOrderQty": "0.000000",
    "cummulativeQuoteQty": "4000.00000000",
    "status": "FILLED",
    "timeInForce": "GTC",
    "type": "MARKET",
    "side": "SELL",
    "workingTime": 1507725176595,
    "selfTradePreventionMode": "NONE",
    "fills": [
        {
            "price": "4000.00000000",
            "qty": "1.00000000",
            "commission": "4.00000000",
            "commissionAsset": "USDC",
            "tradeId": 56,
        }
    ],
}


class Stub:
    """Answers every request with what the test put here."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {}
        self.text: str | None = None
        self.headers: dict[str, str] = {}
        self.hang_up = False
        self.stall_s = 0.0
        self.seen: list[tuple[str, str, str]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, await request.text()))
        if self.stall_s:
            await asyncio.sleep(self.stall_s)
        if self.hang_up:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if self.text is not None:
            return web.Response(status=self.status, text=self.text, headers=self.headers, content_type="text/html")
        return web.json_response(self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    stub = Stub()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stub
    await runner.cleanup()


def client_of(url: str, **settings: Any) -> BinanceClient:
    keys = {"binance_api_key": "key", "binance_secret_key": "secret"}
    return BinanceClient(load_settings(**(keys | {"simulator_url": url} | settings)), SystemClock())


@pytest.fixture
async def client(stub: Stub) -> AsyncIterator[BinanceClient]:
    made = client_of(stub.url)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("status", "body", "text", "error"),
    [
        (400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}, None, RejectedError),
        (400, {"code": -1013, "msg": "Filter failure: NOTIONAL"}, None, RejectedError),
        (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, None, RejectedError),
        (403, None, "<html>WAF</html>", RejectedError),
        (400, {"code": -1007, "msg": "Timeout waiting for response from backend server."}, None, OutcomeUnknownError),
        (400, {"code": -1006, "msg": "An unexpected response was received."}, None, OutcomeUnknownError),
        (502, None, "<html>bad gateway</html>", OutcomeUnknownError),
        (503, {"code": -1008, "msg": "Server is currently overloaded."}, None, OutcomeUnknownError),
        (200, None, "<html>not JSON</html>", OutcomeUnknownError),
        (429, {"code": -1003, "msg": "Too many requests queued."}, None, TransientError),
        (429, {"code": -1015, "msg": "Too many new orders."}, None, TransientError),
    ],
)
async def test_what_goes_wrong_with_an_order_says_what_to_do_next(
    client: BinanceClient, stub: Stub, status: int, body: Any, text: str | None, error: type[RootTradingError]
) -> None:
    stub.status, stub.body, stub.text = status, body, text
    with pytest.raises(error) as caught:
        await OrderCalls(client).create_order(ORDER)
    assert type(caught.value) is error
    if isinstance(caught.value, RejectedError):
        assert caught.value.code == (body["code"] if body else status)


async def test_a_connection_that_breaks_under_an_order_leaves_it_unknown(client: BinanceClient, stub: Stub) -> None:
    stub.hang_up = True
    with pytest.raises(OutcomeUnknownError):
        await OrderCalls(client).create_order(ORDER)
    assert len(stub.seen) == 1


async def test_an_order_to_an_address_where_nobody_listens_was_certainly_not_sent() -> None:
    client = client_of("http://127.0.0.1:9")
    with pytest.raises(TransientError):
        await OrderCalls(client).create_order(ORDER)
    await client.close()


async def test_reading_without_an_answer_may_be_repeated(client: BinanceClient, stub: Stub) -> None:
    stub.status, stub.text = 502, "<html>"
    with pytest.raises(TransientError):
        await AccountData(client).open_orders()


async def test_after_429_nobody_asks_until_the_time_is_over(client: BinanceClient, stub: Stub) -> None:
    stub.status, stub.body, stub.headers = 429, {"code": -1003, "msg": "slow down"}, {"Retry-After": "3600"}
    with pytest.raises(TransientError, match="3600 s"):
        await AccountData(client).order("BTCUSDC", "rt-1")
    with pytest.raises(TransientError, match="refuses calls"):
        await OrderCalls(client).create_order(ORDER)
    assert len(stub.seen) == 1
    assert 1800 < await client.weights.blocked_s() <= 3600


async def test_fills_come_with_every_digit_and_orders_go_out_without_exponents(
    client: BinanceClient, stub: Stub
) -> None:
    stub.body = FILLED
    report = await OrderCalls(client).create_order(ORDER)
    assert report.order.status is OrderStatus.FILLED
    assert report.order.price is None
    assert (report.fills[0].price, report.fills[0].fee_asset) == (Decimal(4000), "USDC")
    method, path, body = stub.seen[0]
    assert (method, path) == ("POST", "/api/v3/order")
    assert "quantity=0.00001&" in body
    assert "recvWindow=5000" in body


async def test_signed_calls_without_keys_name_the_variable(stub: Stub) -> None:
    client = client_of(stub.url, binance_api_key="", binance_secret_key="")
    with pytest.raises(ConfigurationError, match="BINANCE_API_KEY"):
        await AccountData(client).account()
    await client.close()


async def test_requests_carry_the_time_of_the_platform_clock(stub: Stub) -> None:
    settings = load_settings(simulator_url=stub.url, binance_api_key="k", binance_secret_key="s")
    market_ms = 1_700_000_000_000
    client = BinanceClient(settings, ScaledClock(speed=1, market_ms=market_ms, wall_ms=SystemClock().now_ms()))
    stub.body = []
    await AccountData(client).open_orders()
    stamp = int(stub.seen[0][1].split("timestamp=")[1].split("&")[0])
    assert 0 <= stamp - market_ms < 60_000
    await client.close()


async def test_the_last_kline_is_open_until_its_close_time_is_over(client: BinanceClient, stub: Stub) -> None:
    now = SystemClock().now_ms()
    minute = now - now % 60_000
    row = ["1", "2", "0.5", "1.5", "10"]
    rest_of_row = ["15", 3, "1", "2", "0"]
    stub.body = [
        [minute - 60_000, *row, minute - 1, *rest_of_row],
        [minute + 600_000, *row, minute + 659_999, *rest_of_row],
    ]
    candles = await MarketData(client, SystemClock()).klines("BTCUSDC", Timeframe.M1)
    assert [candle.is_closed for candle in candles] == [True, False]


async def test_an_answer_that_is_not_binances_is_a_broken_contract(client: BinanceClient, stub: Stub) -> None:
    stub.body = [["not", "a", "kline"]]
    with pytest.raises(ContractError):
        await MarketData(client, SystemClock()).klines("BTCUSDC", Timeframe.M1)
    stub.body = {"symbols": [{"symbol": "BTCUSDC"}]}
    with pytest.raises(ContractError):
        await MarketData(client, SystemClock()).exchange_info(["BTCUSDC"])


def test_rules_round_to_the_safe_side_and_name_what_does_not_fit() -> None:
    rules = SymbolRules.parse(
        {
            "symbol": "BTCUSDC",
            "baseAsset": "BTC",
            "quoteAsset": "USDC",
            "status": "TRADING",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "50", "stepSize": "0"},
                {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000"},
            ],
        }
    )
    assert rules.floor_quantity(Decimal("0.123456789")) == Decimal("0.12345")
    assert rules.floor_quantity(Decimal(80), market=True) == 50
    assert "minimum 5" in rules.refusal(Decimal("0.00001"), Decimal(50000))
    assert "multiple" in rules.refusal(Decimal("0.000015"), Decimal(500000))
    assert rules.refusal(Decimal("0.001"), Decimal(50000)) == ""
    assert not rules.is_sellable(Decimal("0.00009"), Decimal(50000))


async def test_a_change_may_be_allowed_less_time_than_others(stub: Stub, client: BinanceClient) -> None:
    stub.body = FILLED
    await client.change("post", "order", ORDER | {"recvWindow": "1500"})
    await client.change("post", "order", ORDER)
    assert ["recvWindow=1500" in body for _, _, body in stub.seen] == [True, False]
    assert "recvWindow=5000" in stub.seen[1][2]


async def test_what_nobody_carries_out_any_more_is_not_waited_for(stub: Stub, client: BinanceClient) -> None:
    stub.stall_s = 1.6
    began = asyncio.get_running_loop().time()
    with pytest.raises(OutcomeUnknownError):
        await client.change("post", "order", ORDER | {"recvWindow": "1"})
    assert asyncio.get_running_loop().time() - began < 1.5
