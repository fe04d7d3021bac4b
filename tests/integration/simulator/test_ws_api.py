"""The WebSocket API frame by frame: signatures, sessions, subscriptions, refusals."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.integration.simulator.conftest import RunningTwin


class Api:
    """A bare client."""

    def __init__(self, opened: Any, account: dict[str, str]) -> None:
        self.opened = opened
        self.account = account
        self.events: list[dict[str, Any]] = []
        self._number = 0

    def sign(self, params: dict[str, Any]) -> dict[str, Any]:
        full = {**params, "apiKey": self.account["api_key"], "timestamp": int(time.time() * 1000)}
        payload = "&".join(f"{name}={value}" for name, value in sorted(full.items())).encode()
        if self.account["key_type"] == "HMAC":
            signature = hmac.new(self.account["secret_key"].encode(), payload, hashlib.sha256).hexdigest()
        else:
            key: Any = load_pem_private_key(self.account["secret_key"].encode(), None)
            signature = base64.b64encode(key.sign(payload)).decode()
        return {**full, "signature": signature}

    async def call(self, method: str, params: dict[str, Any] | None = None, **frame: Any) -> dict[str, Any]:
        self._number += 1
        return await self.send(json.dumps({"id": self._number, "method": method, "params": params or {}, **frame}))

    async def signed(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.call(method, self.sign(params or {}))

    async def send(self, text: str) -> dict[str, Any]:
        await self.opened.send(text)
        async with asyncio.timeout(60):
            while True:
                message: dict[str, Any] = json.loads(await self.opened.recv())
                if "event" not in message:
                    return message
                self.events.append(message)

    async def event(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                while self.events:
                    found = self.events.pop(0)
                    if found["event"]["e"] == kind:
                        return found
                self.events.append(json.loads(await self.opened.recv()))


@asynccontextmanager
async def api(twin: RunningTwin, name: str = "alice", query: str = "") -> AsyncIterator[Api]:
    async with websockets.connect(twin.ws_api + query) as opened:
        yield Api(opened, twin.account(name))


LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "40000.00",
    "quantity": "0.10",
}


async def test_public_calls_answer_with_id_status_result_and_limits(still: RunningTwin) -> None:
    async with api(still) as client:
        pong = await client.call("ping")
        assert pong["status"] == 200
        assert pong["result"] == {}
        assert pong["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
        assert set(pong["rateLimits"][0]) == {"rateLimitType", "interval", "intervalNum", "limit", "count"}
        assert "serverTime" in (await client.call("time"))["result"]
        assert (await client.call("v3/depth", {"symbol": "BTCUSDT", "limit": 1}))["result"]["bids"] == [
            ["49999.99000000", "1.00000000"]
        ]
        assert len((await client.call("exchangeInfo", {"symbols": ["BTCUSDT", "ETHUSDT"]}))["result"]["symbols"]) == 2
        assert "rateLimits" not in await client.call("ping", {"returnRateLimits": False})


async def test_an_order_lives_and_dies_and_the_account_hears_of_it(still: RunningTwin) -> None:
    async with api(still) as client:
        assert (await client.signed("userDataStream.subscribe.signature"))["result"] == {"subscriptionId": 0}

        placed = (await client.signed("order.place", {**LIMIT, "newClientOrderId": "ws-1"}))["result"]
        report = await client.event("executionReport")
        assert report["subscriptionId"] == 0
        assert (report["event"]["x"], report["event"]["c"], report["event"]["p"]) == ("NEW", "ws-1", "40000.00000000")
        await client.event("outboundAccountPosition")

        amended = await client.signed(
            "order.amend.keepPriority", {"symbol": "BTCUSDT", "orderId": placed["orderId"], "newQty": "0.05"}
        )
        assert amended["result"]["amendedOrder"]["qty"] == "0.05000000"
        found = await client.signed("order.status", {"symbol": "BTCUSDT", "orderId": placed["orderId"]})
        assert found["result"]["status"] == "NEW"
        cancelled = await client.signed("order.cancel", {"symbol": "BTCUSDT", "orderId": placed["orderId"]})
        assert cancelled["result"]["status"] == "CANCELED"
        while True:
            report = await client.event("executionReport")
            if report["event"]["x"] == "CANCELED":
                break
        assert report["event"]["C"]
        assert report["event"]["X"] == "CANCELED"


async def test_lists_replacements_and_queries_have_their_methods(still: RunningTwin) -> None:
    async with api(still) as client:
        oco = await client.signed(
            "orderList.place.oco",
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "quantity": "0.1",
                "aboveType": "LIMIT_MAKER",
                "abovePrice": "60000",
                "belowType": "STOP_LOSS",
                "belowStopPrice": "40000",
            },
        )
        assert oco["status"] == 200, oco
        list_id = oco["result"]["orderListId"]
        assert (await client.signed("orderList.status", {"orderListId": list_id}))["status"] == 200
        assert len((await client.signed("openOrders.status", {"symbol": "BTCUSDT"}))["result"]) == 2
        assert (await client.signed("orderList.cancel", {"symbol": "BTCUSDT", "orderListId": list_id}))["status"] == 200
        order = (await client.signed("order.place", LIMIT))["result"]["orderId"]
        replaced = await client.signed(
            "order.cancelReplace",
            {**LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": order, "price": "41000.00"},
        )
        assert replaced["result"]["newOrderResult"] == "SUCCESS"
        assert (await client.signed("openOrders.cancelAll", {"symbol": "BTCUSDT"}))["status"] == 200
        for method, params in (
            ("account.status", {}), ("account.commission", {"symbol": "BTCUSDT"}), ("myTrades", {"symbol": "BTCUSDT"}),
            ("order.test", LIMIT), ("allOrders", {"symbol": "BTCUSDT"}),
        ):  # fmt: skip
            assert (await client.signed(method, params))["status"] == 200, method


async def test_deposits_and_the_end_of_a_subscription_are_told(still: RunningTwin) -> None:
    async with api(still) as client:
        await client.signed("userDataStream.subscribe.signature")
        again = await client.signed("userDataStream.subscribe.signature")
        assert (again["status"], again["error"]["code"]) == (400, -2035)
        still.do("POST", "/balances", {"account": "alice", "asset": "USDT", "delta": "12.5"})
        update = (await client.event("balanceUpdate"))["event"]
        assert (update["a"], update["d"]) == ("USDT", "12.50000000")
        assert (await client.call("session.subscriptions"))["result"] == [{"subscriptionId": 0}]
        assert (await client.call("userDataStream.unsubscribe", {"subscriptionId": 0}))["result"] == {}
        await client.event("eventStreamTerminated")
        gone = await client.call("userDataStream.unsubscribe", {"subscriptionId": 0})
        assert gone["error"]["code"] == -2036


async def test_a_session_needs_an_ed25519_key(still: RunningTwin) -> None:
    async with api(still, "bob") as client:
        status = (await client.signed("session.logon"))["result"]
        assert status["apiKey"] == client.account["api_key"]
        assert (await client.call("userDataStream.subscribe"))["result"]["subscriptionId"] == 0
        timestamp = int(time.time() * 1000)
        assert (await client.call("order.place", {**LIMIT, "timestamp": timestamp}))["status"] == 200
        assert (await client.call("session.logout"))["result"]["apiKey"] is None
        await client.event("eventStreamTerminated")
        refused = await client.call("order.place", {**LIMIT, "timestamp": timestamp})
        assert refused["error"]["code"] == -1102
    async with api(still) as client:
        assert (await client.signed("session.logon"))["error"]["code"] == -4056
        assert (await client.call("userDataStream.subscribe"))["error"]["code"] == -2015


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("nonsense", 400, -1135),
        ("[1]", 400, -1135),
        ('{"id": 1, "method": 5}', 400, -1135),
        ('{"id": 1.5, "method": "ping"}', 400, -1135),
        ('{"id": 1, "method": "ping", "params": [1]}', 400, -1135),
        ('{"id": 1, "method": "fly.away"}', 400, -1020),
        ('{"id": 1, "method": "depth"}', 400, -1102),
        ('{"id": 1, "method": "depth", "params": {"symbol": "NOPE"}}', 400, -1121),
        ('{"id": 1, "method": "ping", "params": {"x": 1}}', 400, -1101),
        ('{"id": 1, "method": "order.place", "params": {"symbol": "BTCUSDT"}}', 400, -1102),
        ('{"id": 1, "method": "order.place", "params": {"apiKey": "x", "signature": "x", "timestamp": 1}}', 401, -2014),
    ],
)  # fmt: skip
async def test_refusals_carry_status_code_and_message(still: RunningTwin, text: str, status: int, code: int) -> None:
    async with api(still) as client:
        answer = await client.send(text)
    assert answer["status"] == status, answer
    assert answer["error"]["code"] == code
    assert answer["error"]["msg"]


async def test_numbers_are_signed_with_the_digits_they_were_sent_with(still: RunningTwin) -> None:
    async with api(still) as client:
        params = client.sign({**LIMIT, "price": "40000.00", "quantity": "0.10"})
        text = json.dumps({"id": 1, "method": "order.place", "params": params})
        unquoted = text.replace('"40000.00"', "40000.00").replace('"0.10"', "0.10")
        assert (await client.send(unquoted))["status"] == 200
        wrong = unquoted.replace("40000.00", "40000.0")
        assert (await client.send(wrong))["error"]["code"] == -1022


async def test_old_and_future_timestamps_are_refused(still: RunningTwin) -> None:
    async with api(still) as client:
        for offset in (-10_000, 5_000):
            params = {**LIMIT, "apiKey": client.account["api_key"], "timestamp": int(time.time() * 1000) + offset}
            payload = "&".join(f"{name}={value}" for name, value in sorted(params.items())).encode()
            params["signature"] = hmac.new(client.account["secret_key"].encode(), payload, "sha256").hexdigest()
            assert (await client.call("order.place", params))["error"]["code"] == -1021


async def test_faults_reach_the_websocket_api_too(still: RunningTwin) -> None:
    async with api(still) as client:
        still.do("POST", "/faults", {"fault": "timeout_1007", "count": 1, "match": {"endpoint": "order.place"}})
        answer = await client.signed("order.place", {**LIMIT, "newClientOrderId": "unknown-1"})
        assert answer["error"]["code"] == -1007
        found = await client.signed("order.status", {"symbol": "BTCUSDT", "origClientOrderId": "unknown-1"})
        assert found["result"]["status"] == "NEW"
        still.do("POST", "/faults", {"fault": "rate_limit_1003", "count": 1, "match": {"endpoint": "ping"}})
        limited = await client.call("ping")
        assert limited["status"] == 429
        assert limited["error"]["data"]["retryAfter"] > limited["error"]["data"]["serverTime"]
        still.do("POST", "/faults", {"fault": "answer_lost", "count": 1})
        with pytest.raises(websockets.ConnectionClosed):
            await client.signed("order.place", LIMIT)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": "90"}, "INSUFFICIENT_BALANCES"),
        ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "50001.00"}, "WOULD_MATCH_IMMEDIATELY"),
        ({"type": "STOP_LOSS", "timeInForce": None, "price": None, "stopPrice": "49000"},
         "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
    ],
)  # fmt: skip
async def test_an_order_refused_after_the_cancel_of_another_is_reported(
    still: RunningTwin, change: dict[str, Any], reason: str
) -> None:
    """Execution type REJECTED: the new order of a cancel-replace is rejected, the cancel succeeded (enums)."""
    async with api(still) as client:
        placed = (await client.signed("order.place", LIMIT))["result"]
        await client.signed("userDataStream.subscribe.signature")
        order = {name: value for name, value in {**LIMIT, "newClientOrderId": "new", **change}.items() if value}
        replace = {**order, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": placed["orderId"]}
        answer = await client.signed("order.cancelReplace", replace)
        assert (answer["status"], answer["error"]["code"]) == (409, -2021)
        reports = [(await client.event("executionReport"))["event"] for _ in range(2)]
        assert [report["x"] for report in reports] == ["CANCELED", "REJECTED"]
        refused = reports[1]
        assert (refused["X"], refused["r"], refused["c"], refused["w"]) == ("REJECTED", reason, "new", False)
        assert refused["i"] != placed["orderId"]
        assert "W" not in refused

        await client.signed("order.place", {**order, "newClientOrderId": "alone"})
        assert client.events == []
        asked = await client.signed("allOrders", {"symbol": "BTCUSDT"})
        assert [row["orderId"] for row in asked["result"]] == [placed["orderId"]]
