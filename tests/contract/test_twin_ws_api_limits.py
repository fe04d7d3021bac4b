"""The WebSocket API's accounting and sessions, over the wire (rules: rateLimits, session requests, user stream)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.api.auth import load_key, sign
from simulator.api.ws_api.request import signing_payload
from tests.contract.raw_socket import RawSocket
from tests.integration.simulator.conftest import HTTP, STILL, RunningTwin, running_twin

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "49000",
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("ws-api"), fixture=STILL) as twin:
        yield twin


@pytest.fixture
def twin(process: RunningTwin) -> RunningTwin:
    process.reset(STILL)
    return process


def signed(twin: RunningTwin, account: str, params: dict[str, Any]) -> dict[str, Any]:
    entry = twin.account(account)
    key = load_key(account, entry["api_key"], entry["secret_key"], entry["key_type"])
    values = {**params, "apiKey": key.api_key, "timestamp": int(time.time() * 1000)}
    payload = signing_payload({name: str(value) for name, value in values.items()})
    return {**values, "signature": sign(key, payload)}


async def ask(socket: RawSocket, method: str, params: dict[str, Any] | None = None, number: Any = 1) -> dict[str, Any]:
    await socket.send({"id": number, "method": method, **({} if params is None else {"params": params})})
    answer: dict[str, Any] = await socket.json()
    assert answer["id"] == number
    return answer


async def test_orders_tell_the_order_counts_of_the_key_that_signed_them(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        answer = await ask(socket, "order.place", signed(twin, "alice", ORDER))
        assert answer["status"] == 200
        assert [(row["rateLimitType"], row["interval"], row["intervalNum"]) for row in answer["rateLimits"]] == [
            ("ORDERS", "SECOND", 10), ("ORDERS", "DAY", 1), ("REQUEST_WEIGHT", "MINUTE", 1),
        ]  # fmt: skip
        assert [row["count"] for row in answer["rateLimits"][:2]] == [1, 1]
        refused = await ask(socket, "order.place", signed(twin, "alice", {**ORDER, "quantity": "100"}))
        assert refused["error"]["code"] == -2010
        assert [row["rateLimitType"] for row in refused["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
        other = await ask(socket, "ping")
        assert [row["rateLimitType"] for row in other["rateLimits"]] == ["REQUEST_WEIGHT"]


async def test_connecting_and_every_session_request_weigh_two(twin: RunningTwin) -> None:
    def used(answer: dict[str, Any]) -> int:
        return int(answer["rateLimits"][-1]["count"])

    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        assert used(await ask(socket, "ping")) == 3
        assert used(await ask(socket, "session.status")) == 5
        assert used(await ask(socket, "session.subscriptions")) == 7
        assert used(await ask(socket, "session.logon", signed(twin, "bob", {}))) == 9
        assert used(await ask(socket, "userDataStream.subscribe")) == 11
        assert used(await ask(socket, "userDataStream.unsubscribe", {"subscriptionId": 5})) == 13


async def test_exchange_info_counts_connections_in_the_place_of_requests(twin: RunningTwin) -> None:
    """Changelog 2023-08-25."""
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        told = (await ask(socket, "exchangeInfo"))["result"]["rateLimits"]
    limit = {"rateLimitType": "CONNECTIONS", "interval": "MINUTE", "intervalNum": 5, "limit": 300}
    assert [row["rateLimitType"] for row in told] == ["REQUEST_WEIGHT", "ORDERS", "ORDERS", "CONNECTIONS"]
    assert told[-1] == limit
    over_rest = await asyncio.to_thread(twin.get, "/api/v3/exchangeInfo")
    assert over_rest["rateLimits"][-1]["rateLimitType"] == "RAW_REQUESTS"


async def test_a_session_says_whether_any_user_data_subscription_is_active(twin: RunningTwin) -> None:
    """Rules: session.status and session.logout; a logout ends only the subscription made by the session's key."""

    async def active(socket: RawSocket, method: str = "session.status") -> bool:
        return bool((await ask(socket, method))["result"]["userDataStream"])

    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        await ask(socket, "session.logon", signed(twin, "bob", {}))
        assert not await active(socket)
        first = (await ask(socket, "userDataStream.subscribe.signature", signed(twin, "alice", {})))["result"]
        assert await active(socket)
        assert await active(socket, "session.logout")
        await socket.send({"id": 1, "method": "userDataStream.unsubscribe", "params": first})
        while (await socket.json()).get("id") != 1:
            pass  # eventStreamTerminated comes before the answer
        assert not await active(socket)


@pytest.mark.parametrize("way", ["rest", "ws_api"])
async def test_a_ban_ends_the_connections_of_its_address(twin: RunningTwin, way: str) -> None:
    """Rules: IP limits ("an automated IP ban and you will be disconnected")."""
    await asyncio.to_thread(twin.reset, {**STILL, "limits": {"weight_1m": 30}})
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket, RawSocket(twin.ws_api) as listening:
        await ask(listening, "userDataStream.subscribe.signature", signed(twin, "alice", {}))
        status = 0
        while status != 418:
            if way == "ws_api":
                status = (await ask(socket, "exchangeInfo"))["status"]
            else:
                status = (await asyncio.to_thread(HTTP.get, f"{twin.rest}/api/v3/exchangeInfo")).status_code
        for each in (socket, listening):
            assert await each.closed() == (1008, "IP banned")
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as refused:
        assert refused.response is not None
        assert refused.response.status_code == 418


async def test_a_ban_by_a_fault_ends_the_connection_too(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        fault = {"fault": "ban_418", "count": 1, "match": {"endpoint": "time"}}
        await asyncio.to_thread(twin.do, "POST", "/faults", fault)
        assert (await ask(socket, "time"))["status"] == 418
        assert (await socket.closed())[0] == 1008


async def test_a_session_whose_key_is_gone_is_told_so_once(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        assert (await ask(socket, "session.logon", signed(twin, "bob", {})))["status"] == 200
        accounts = [{"name": "dora", "balances": {"USDT": "10"}}]
        await asyncio.to_thread(twin.reset, {**STILL, "accounts": accounts})
        told = await socket.json()
        assert told == {
            "id": None,
            "status": 401,
            "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
        }
        status = await ask(socket, "session.status")
        assert status["result"]["apiKey"] is None
        refused = await ask(socket, "account.status", {"timestamp": int(time.time() * 1000)})
        assert refused["status"] == 400, "the request must name its key again"
        assert (await ask(socket, "account.status", signed(twin, "dora", {})))["status"] == 200


async def test_fills_by_smart_order_routing_are_told_as_allocations(twin: RunningTwin) -> None:
    sors = [{"base": "BTC", "symbols": ["BTCUSDT"]}]
    await asyncio.to_thread(twin.reset, {**STILL, "sors": sors})
    info = await asyncio.to_thread(twin.get, "/api/v3/exchangeInfo")
    assert info["sors"] == [{"baseAsset": "BTC", "symbols": ["BTCUSDT"]}]
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as events, RawSocket(twin.ws_api) as orders:
        await ask(events, "userDataStream.subscribe.signature", signed(twin, "alice", {}))
        market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        placed = (await ask(orders, "sor.order.place", signed(twin, "alice", market)))["result"]
        fill = placed["fills"][0]
        assert (fill["matchType"], fill["tradeId"], placed["usedSor"]) == ("ONE_PARTY_TRADE_REPORT", -1, True)
        reports = [
            report for report in [(await events.json())["event"] for _ in range(3)] if report.get("x") == "TRADE"
        ]
        assert [(r["t"], r["b"], r["a"], r["uS"]) for r in reports] == [
            (-1, "ONE_PARTY_TRADE_REPORT", fill["allocId"], True)
        ]
        asked = signed(twin, "alice", {"symbol": "BTCUSDT"})
        rows = (await ask(orders, "myAllocations", asked))["result"]
        assert [row["allocationId"] for row in rows] == [fill["allocId"]]


async def test_a_connection_in_microseconds_gets_all_its_times_so(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(f"{twin.ws_api}?timeUnit=MICROSECOND") as socket:
        server = (await ask(socket, "time"))["result"]["serverTime"]
        assert server > 10**15
        session = (await ask(socket, "session.logon", signed(twin, "bob", {})))["result"]
        assert all(session[name] > 10**15 for name in ("authorizedSince", "connectedSince", "serverTime"))


async def test_a_lock_from_outside_is_told_and_unlocked_again(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        await ask(socket, "userDataStream.subscribe.signature", signed(twin, "alice", {}))
        for delta, free, locked in (("0.4", "0.60000000", "0.40000000"), ("-0.4", "1.00000000", "0.00000000")):
            body = {"account": "alice", "asset": "BTC", "delta": delta}
            shown = await asyncio.to_thread(twin.do, "POST", "/locks", body)
            assert (shown["free"], shown["locked"]) == (free, locked)
            event = (await socket.json())["event"]
            assert event == {
                "e": "externalLockUpdate",
                "E": event["E"],
                "a": "BTC",
                "d": f"{delta}0000000",
                "T": event["T"],
            }
            position = (await socket.json())["event"]
            assert (position["e"], position["B"]) == ("outboundAccountPosition", [{"a": "BTC", "f": free, "l": locked}])
            assert (await asyncio.to_thread(twin.do, "GET", "/audit"))["ok"]


@pytest.mark.parametrize("number", [None, 0, -5, 2**53, "abc", "x" * 36, ""])
async def test_ids_come_back_as_they_were_sent(twin: RunningTwin, number: Any) -> None:
    async with asyncio.timeout(60), RawSocket(f"{twin.ws_api}?returnRateLimits=false") as socket:
        assert await ask(socket, "ping", {}, number) == {"id": number, "status": 200, "result": {}}


@pytest.mark.parametrize(
    ("url", "wish", "shown"), [("false", True, True), ("true", False, False), ("false", None, False)]
)
async def test_a_request_that_says_whether_it_wants_the_limits_overrides_its_url(
    twin: RunningTwin, url: str, wish: bool | None, shown: bool
) -> None:
    params = {} if wish is None else {"returnRateLimits": wish}
    async with asyncio.timeout(60), RawSocket(f"{twin.ws_api}?returnRateLimits={url}") as socket:
        assert ("rateLimits" in await ask(socket, "ping", params)) == shown
