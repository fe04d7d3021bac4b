"""A twin with a still market, a stepped clock, and a client that signs like Binance's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp

from simulator.api.auth import ApiKey, sign
from simulator.api.rest.app import RestRouter, rest_routes
from simulator.api.state import TwinState
from simulator.api.streams.hub import Connection
from simulator.fixture import parse_fixture
from simulator.twin import Twin

START_MS = 1_767_225_600_000
BTC, BNB, HALTED = "BTCUSDT", "BNBUSDT", "LTCUSDT"

BTC_FILTERS: list[dict[str, Any]] = [
    {"filterType": "PRICE_FILTER", "minPrice": "1.00", "maxPrice": "200000.00", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.00010", "maxQty": "50", "stepSize": "0.00001"},
    {"filterType": "ICEBERG_PARTS", "limit": 10},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "20", "stepSize": "0"},
    {
        "filterType": "TRAILING_DELTA",
        "minTrailingAboveDelta": 10,
        "maxTrailingAboveDelta": 2000,
        "minTrailingBelowDelta": 20,
        "maxTrailingBelowDelta": 1000,
    },
    {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": "1.5",
        "bidMultiplierDown": "0.5",
        "askMultiplierUp": "2",
        "askMultiplierDown": "0.8",
        "avgPriceMins": 5,
    },
    {
        "filterType": "NOTIONAL",
        "minNotional": "10",
        "applyMinToMarket": True,
        "maxNotional": "1000000",
        "applyMaxToMarket": False,
        "avgPriceMins": 5,
    },
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 6},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 3},
    {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 1},
    {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 2},
    {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 2},
    {"filterType": "MAX_POSITION", "maxPosition": "40"},
]

FIXTURE: dict[str, Any] = {
    "seed": 7,
    "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
    "market": {"kind": "still"},
    "symbols": [
        {
            "symbol": BTC,
            "base": "BTC",
            "quote": "USDT",
            "last_price": "50000.00",
            "filters": BTC_FILTERS,
            "bids": [["49999.99", "1"], ["49999.00", "2"], ["49990.00", "3"]],
            "asks": [["50000.01", "1"], ["50001.00", "2"], ["50010.00", "3"]],
        },
        {"symbol": BNB, "base": "BNB", "quote": "USDT", "last_price": "500", "bids": [["499.9", "50"]], "asks": []},
        {"symbol": HALTED, "base": "LTC", "quote": "USDT", "last_price": "100", "status": "HALT"},
    ],
    "accounts": [
        {"name": "alice", "balances": {"BTC": "10", "USDT": "1000000"}, "maker": "0.001", "taker": "0.002"},
        {
            "name": "ed",
            "balances": {"BTC": "1", "USDT": "1000"},
            "maker": "0.001",
            "taker": "0.001",
            "key_type": "ED25519",
        },
        {
            "name": "rsa",
            "balances": {"BTC": "1", "USDT": "1000"},
            "maker": "0.001",
            "taker": "0.001",
            "key_type": "RSA",
        },
        {"name": "poor", "balances": {"USDT": "20"}, "maker": "0.001", "taker": "0.001"},
    ],
    "limits": {"weight_1m": 6000, "orders_10s": 100, "orders_1d": 200000},
}

LIMIT_BUY = {
    "symbol": BTC,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "49000",
}
LIMIT_SELL = {**LIMIT_BUY, "side": "SELL", "price": "51000"}
MARKET_BUY = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
STOP_SELL = {
    "symbol": BTC,
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "48900",
    "stopPrice": "49000",
}
OCO_SELL = {
    "symbol": BTC,
    "side": "SELL",
    "quantity": "0.1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "52000",
    "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "48000",
    "belowPrice": "47900",
    "belowTimeInForce": "GTC",
}
OTO = {
    "symbol": BTC,
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "49000",
    "workingQuantity": "0.1",
    "workingTimeInForce": "GTC",
    "pendingType": "LIMIT",
    "pendingSide": "SELL",
    "pendingPrice": "52000",
    "pendingQuantity": "0.1",
    "pendingTimeInForce": "GTC",
}


def fixture_with(**changes: Any) -> dict[str, Any]:
    return {**FIXTURE, **changes}


def rest_app(state: TwinState | Callable[[], TwinState]) -> ASGIApp:
    """REST alone."""
    return RestRouter(state, Starlette(routes=rest_routes(state)))


class RestClient:
    """A twin and its REST API, spoken to as a client does."""

    def __init__(self, fixture: Mapping[str, Any] = FIXTURE) -> None:
        self.twin = Twin(parse_fixture(dict(fixture)))
        app = rest_app(lambda: self.twin.state)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://twin")

    def key(self, account: str = "alice") -> ApiKey:
        return next(key for key in self.twin.state.keys.values() if key.account == account)

    @property
    def now_ms(self) -> int:
        return self.twin.state.clock.now_ms()

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """A public call; ``path`` below /api/v3."""
        return await self.http.get(f"/api/v3/{path}", params=params)

    async def signed(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        account: str = "alice",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A signed call with everything in the query string; ``path`` below /api/v3 unless it starts with a slash."""
        key = self.key(account)
        query = urlencode({"timestamp": self.now_ms, **(params or {})}, quote_via=quote)
        signature = quote(sign(key, query.encode()), safe="")
        where = path if path.startswith("/") else f"/api/v3/{path}"
        return await self.http.request(
            method, f"{where}?{query}&signature={signature}", headers={"X-MBX-APIKEY": key.api_key, **(headers or {})}
        )

    async def order(self, params: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Place an order that must be accepted; a change to None leaves the parameter out."""
        response = await self.signed("POST", "order", merged(params, changes))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def post(self, path: str, params: Mapping[str, Any], **changes: Any) -> httpx.Response:
        return await self.signed("POST", path, merged(params, changes))

    async def query(self, path: str, **params: Any) -> Any:
        response = await self.signed("GET", path, params)
        assert response.status_code == 200, response.text
        return response.json()

    async def balance(self, asset: str, account: str = "alice") -> tuple[Decimal, Decimal]:
        """(free, locked)."""
        response = await self.signed("GET", "account", account=account)
        row = next(row for row in response.json()["balances"] if row["asset"] == asset)
        return Decimal(row["free"]), Decimal(row["locked"])

    def listen(self, account: str = "alice") -> Connection:
        """Subscribe to the account's events; see ``told``."""
        connection = Connection()
        self.twin.users.subscribe(connection, account)
        return connection

    def outside(self, side: str, quantity: str, price: str | None = None) -> None:
        """An outside participant takes."""
        self.twin.operations.outside_trade(BTC, side, Decimal(quantity), None if price is None else Decimal(price))


async def told(connection: Connection) -> list[dict[str, Any]]:
    """The events that came since the last call, of which there must be some."""
    return [json.loads(text)["event"] for text in await connection.take()]


def merged(params: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with changes; None takes one out."""
    return {name: value for name, value in {**params, **changes}.items() if value is not None}


def refusal(response: httpx.Response) -> tuple[int, int, str]:
    """(HTTP status, code, message)."""
    body = response.json()
    return response.status_code, body["code"], body["msg"]
