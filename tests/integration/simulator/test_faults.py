"""Faults on demand: each one seen from the client's side, and the truth behind it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import websockets

from tests.integration.simulator.conftest import HTTP, RunningTwin, until_true

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}


def signed(
    twin: RunningTwin, method: str, path: str, params: dict[str, Any] | None = None, timeout_s: float = 60
) -> httpx.Response:
    account = twin.account("alice")
    query = urlencode({"recvWindow": 60_000, **(params or {}), "timestamp": int(time.time() * 1000)})
    signature = hmac.new(account["secret_key"].encode(), query.encode(), hashlib.sha256).hexdigest()
    return HTTP.request(
        method,
        f"{twin.rest}{path}?{query}&signature={signature}",
        headers={"X-MBX-APIKEY": account["api_key"]},
        timeout=httpx.Timeout(60, read=timeout_s),
    )


def bitcoin(twin: RunningTwin) -> str:
    balances = signed(twin, "GET", "/api/v3/account").json()["balances"]
    return str(next(row["free"] for row in balances if row["asset"] == "BTC"))


def fault(twin: RunningTwin, name: str, **body: Any) -> dict[str, Any]:
    return twin.do("POST", "/faults", {"fault": name, **body})


def test_a_lost_answer_leaves_an_order_behind(still: RunningTwin) -> None:
    fault(still, "answer_lost", count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        signed(still, "POST", "/api/v3/order", {**ORDER, "newClientOrderId": "lost-1"})

    found = signed(still, "GET", "/api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "lost-1"})
    assert found.json()["status"] == "FILLED"
    assert signed(still, "POST", "/api/v3/order", ORDER).status_code == 200


def test_a_lost_request_leaves_nothing_behind(still: RunningTwin) -> None:
    fault(still, "request_lost", count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        signed(still, "POST", "/api/v3/order", ORDER)

    assert bitcoin(still) == "1.00000000"


def test_an_order_accepted_late_is_not_found_at_first(still: RunningTwin) -> None:
    for number in range(10):
        fault(still, "late_acceptance", count=1, params={"ms": 2000})
        asked = {"symbol": "BTCUSDT", "origClientOrderId": f"late-{number}"}
        sent_s = time.monotonic()
        with contextlib.suppress(httpx.ReadTimeout):
            order = {**ORDER, "newClientOrderId": f"late-{number}", "quantity": "0.01"}
            signed(still, "POST", "/api/v3/order", order, timeout_s=0.3)
        first = signed(still, "GET", "/api/v3/order", asked).json()
        if time.monotonic() - sent_s < 2:  # else the machine stood still, and the order was there in time
            break

    assert first["code"] == -2013
    until_true(lambda: signed(still, "GET", "/api/v3/order", asked).json().get("status") == "FILLED")


@pytest.mark.parametrize(
    ("name", "params", "status", "code", "bought"),
    [
        ("http_5xx_unknown", {}, 502, None, True),
        ("http_5xx_unknown", {"status": 503, "before": True}, 503, None, False),
        ("timeout_1007", {}, 504, -1007, True),
        ("timeout_1007", {"before": True}, 504, -1007, False),
        ("rate_limit_1003", {"retry_after": 7}, 429, -1003, False),
        ("ban_418", {"retry_after": 90}, 418, -1003, False),
        ("clock_skew_1021", {}, 400, -1021, False),
        ("maintenance", {}, 503, None, False),
    ],
)
def test_an_order_meets_a_bad_day(
    still: RunningTwin, name: str, params: dict[str, Any], status: int, code: int | None, bought: bool
) -> None:
    fault(still, name, count=1, params=params)

    answer = signed(still, "POST", "/api/v3/order", ORDER)

    assert answer.status_code == status
    if code is None:
        assert answer.headers["content-type"].startswith("text/html")
    else:
        assert answer.json()["code"] == code
    if status in (418, 429):
        assert int(answer.headers["Retry-After"]) == params["retry_after"]
    if status == 418:
        # clients read the moment out of the message
        until = int(answer.json()["msg"].partition("IP banned until ")[2].partition(".")[0])
        assert 0 <= until - 90_000 - still.get("/api/v3/time")["serverTime"] + 60_000 <= 60_000
    assert bitcoin(still) == ("1.09990000" if bought else "1.00000000")


def test_an_existing_order_may_not_be_found_at_once(still: RunningTwin) -> None:
    fault(still, "order_not_found_after_create", count=1)
    order_id = signed(still, "POST", "/api/v3/order", ORDER).json()["orderId"]

    asked = {"symbol": "BTCUSDT", "orderId": order_id}
    assert signed(still, "GET", "/api/v3/order", asked).json()["code"] == -2013
    assert signed(still, "GET", "/api/v3/order", asked).json()["status"] == "FILLED"


def test_a_protection_can_be_refused(still: RunningTwin) -> None:
    fault(still, "reject_protection_leg", count=1)
    lists = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.1",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "60000",
        "belowType": "STOP_LOSS",
        "belowStopPrice": "40000",
    }

    assert signed(still, "POST", "/api/v3/orderList/oco", lists).json()["code"] == -2010
    assert signed(still, "POST", "/api/v3/orderList/oco", lists).json()["listOrderStatus"] == "EXECUTING"


def test_a_fault_hits_only_what_it_matches(still: RunningTwin) -> None:
    fault(still, "timeout_1007", match={"symbol": "ETHUSDT"})
    fault(still, "timeout_1007", match={"account": "bob"})

    assert signed(still, "POST", "/api/v3/order", ORDER).status_code == 200
    assert signed(still, "POST", "/api/v3/order", {**ORDER, "symbol": "ETHUSDT"}).status_code == 504
    assert signed(still, "POST", "/api/v3/order/test", {**ORDER, "symbol": "ETHUSDT"}).status_code == 200


def test_a_seeded_chance_falls_the_same_way_again(still: RunningTwin) -> None:
    def outcomes() -> list[int]:
        still.do("DELETE", "/faults", {})
        fault(still, "rate_limit_1003", probability=0.5, seed=42, match={"endpoint": "GET /api/v3/time"})
        url = f"{still.rest}/api/v3/time"
        return [HTTP.get(url).status_code for _ in range(20)]

    first = outcomes()

    assert outcomes() == first
    assert set(first) == {200, 429}


def test_faults_are_listed_and_lifted(still: RunningTwin) -> None:
    set_id = fault(still, "symbol_halt", match={"symbol": "BTCUSDT"})["id"]
    fault(still, "answer_lost", probability=0.1)
    assert [row["fault"] for row in still.do("GET", "/faults")["faults"]] == ["symbol_halt", "answer_lost"]
    assert signed(still, "POST", "/api/v3/order", ORDER).json()["msg"] == "Market is closed."

    assert still.do("DELETE", "/faults", {"id": set_id}) == {"removed": 1}

    assert still.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"][0]["status"] == "TRADING"
    assert still.do("DELETE", "/faults") == {"removed": 1}
    assert still.do("GET", "/faults")["faults"] == []


def test_filters_change_and_come_back(still: RunningTwin) -> None:
    lot = {"filterType": "LOT_SIZE", "minQty": "0.5", "maxQty": "100", "stepSize": "0.5"}
    fault(still, "filter_change", match={"symbol": "BTCUSDT"}, params={"filters": [lot]})
    assert signed(still, "POST", "/api/v3/order", ORDER).json()["code"] == -1013

    still.do("DELETE", "/faults", {})

    assert signed(still, "POST", "/api/v3/order", ORDER).status_code == 200


async def trade_stream(still: RunningTwin, trades: int, *, expected: int) -> tuple[list[int], float]:
    """Trade ids that a listener gets while ``trades`` outside trades happen, and how many seconds those took.

    After the expected ones it asks something: what the twin still had to tell comes before the answer.
    """
    got: list[int] = []
    async with asyncio.timeout(60), websockets.connect(f"{still.streams}/ws/btcusdt@trade") as socket:
        began_s = time.monotonic()
        for _ in range(trades):
            body = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.001"}
            await asyncio.to_thread(still.do, "POST", "/trades", body)
        took_s = time.monotonic() - began_s
        while len(got) < expected:
            got.append(json.loads(await socket.recv())["t"])
        await socket.send('{"method": "LIST_SUBSCRIPTIONS", "id": 1}')
        while "id" not in (message := json.loads(await socket.recv())):
            got.append(message["t"])
    return got, took_s


async def test_stream_messages_get_lost_doubled_and_swapped(still: RunningTwin) -> None:
    fault(still, "stream_drop", count=2)
    assert (await trade_stream(still, 4, expected=2))[0] == [3, 4]
    fault(still, "stream_duplicate", count=1)
    assert (await trade_stream(still, 2, expected=3))[0] == [5, 5, 6]
    fault(still, "stream_reorder", count=1)
    assert (await trade_stream(still, 2, expected=2))[0] == [8, 7]


async def test_a_message_of_a_stream_comes_late(still: RunningTwin) -> None:
    took_s, first = 1.0, -1
    while took_s >= 0.4:  # a machine that stood still between the trades tells them in order
        fault(still, "stream_delay", count=1, params={"ms": 400})
        first += 2
        got, took_s = await trade_stream(still, 2, expected=2)
    assert got == [first + 1, first]


async def test_a_stalled_stream_stays_open_and_silent(still: RunningTwin) -> None:
    fault(still, "stream_stall", match={"endpoint": "btcusdt@*"})
    assert (await trade_stream(still, 3, expected=0))[0] == []


async def test_connections_are_cut(still: RunningTwin) -> None:
    async with websockets.connect(f"{still.streams}/ws/btcusdt@trade") as socket:
        await asyncio.to_thread(fault, still, "disconnect", params={"code": 1001})
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


async def test_a_shutdown_is_announced(still: RunningTwin) -> None:
    async with websockets.connect(f"{still.streams}/stream?streams=btcusdt@trade") as socket:
        await asyncio.to_thread(still.do, "POST", "/shutdown-notice", {"close_after_s": 0.1})
        message = json.loads(await socket.recv())
        assert message["stream"] == "!serverShutdown"
        assert message["data"]["e"] == "serverShutdown"
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()


def test_a_gap_and_thin_books_hit_a_market_that_moves(still: RunningTwin) -> None:
    still.reset(
        {
            "clock": {"mode": "stepped"},
            "market": {"kind": "synthetic", "history_minutes": 0},
            "symbols": "default",
            "accounts": [{"name": "alice", "balances": {"USDC": "1000"}}],
        }
    )
    before = float(still.get("/api/v3/ticker/price", symbol="BTCUSDC")["price"])
    fault(still, "price_gap", match={"symbol": "BTCUSDC"}, params={"percent": -10})
    with pytest.raises(AssertionError, match="leaves no price"):
        fault(still, "price_gap", match={"symbol": "BTCUSDC"}, params={"percent": -200})
    fault(still, "insufficient_liquidity", match={"symbol": "ETHUSDC"}, params={"depth": 0.001})
    still.do("POST", "/clock", {"advance_ms": 60_000})

    assert float(still.get("/api/v3/ticker/price", symbol="BTCUSDC")["price"]) < before * 0.93
    thin = still.get("/api/v3/depth", symbol="ETHUSDC", limit=20)
    thick = still.get("/api/v3/depth", symbol="SOLUSDC", limit=20)

    def worth(book: dict[str, Any]) -> float:
        return sum(float(price) * float(quantity) for price, quantity in book["bids"][1:])

    assert worth(thin) < worth(thick) / 50
