"""The control API refuses what makes no sense with 4xx and the reason, never with 5xx, and changes nothing by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.app import create_app
from simulator.fixture import parse_fixture
from simulator.twin import Twin
from tests.contract.twin_rest import BTC, FIXTURE

TOKEN = "a-token-for-tests-only"
LOT = {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9", "stepSize": "0.001"}
RANGE = {
    "ruleType": "PRICE_RANGE",
    "bidLimitMultUp": "1.10000000",
    "bidLimitMultDown": "0.90000000",
    "askLimitMultUp": "1.20000000",
    "askLimitMultDown": "0.80000000",
}


@pytest.fixture
async def control() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Twin(parse_fixture(FIXTURE)), TOKEN)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"X-Control-Token": TOKEN}
    async with httpx.AsyncClient(transport=transport, base_url="http://twin", headers=headers) as client:
        yield client


def trade(**changes: Any) -> dict[str, Any]:
    return {"symbol": BTC, "side": "BUY", "quantity": "0.1", **changes}


def deposit(**changes: Any) -> dict[str, Any]:
    return {"account": "alice", "asset": "BTC", "delta": "1", **changes}


def fault(name: str, **params: Any) -> dict[str, Any]:
    return {"fault": name, "params": params}


def fixture(**changes: Any) -> dict[str, Any]:
    return {**FIXTURE, **changes}


def account(**changes: Any) -> dict[str, Any]:
    return fixture(accounts=[{"name": "a", **changes}])


def symbol(**changes: Any) -> dict[str, Any]:
    return fixture(symbols=[{"symbol": BTC, "base": "BTC", "quote": "USDT", "last_price": "1", **changes}])


REFUSALS: list[tuple[str, Any, int, str]] = [
    ("trades", trade(symbol="NOPE"), 404, "there is no symbol NOPE"),
    ("trades", trade(quantity="-1"), 422, "quantity"),
    ("trades", trade(quantity="0"), 422, "quantity"),
    ("trades", trade(quantity="0.123456789"), 422, "quantity"),
    ("trades", trade(quantity="1e99999"), 422, "quantity"),
    ("trades", trade(side="HOLD"), 422, "side"),
    ("trades", trade(price="1e-20"), 422, "price"),
    ("trades", {"symbol": BTC, "side": "BUY"}, 422, "quantity: Field required"),
    ("trades", [], 422, "body"),
    ("trades", '{"symbol":"BTCUSDT","side":"BUY","quantity":NaN}', 422, "quantity"),
    ("trades", "{bad", 422, "JSON"),
    ("liquidity", {"symbol": "NOPE"}, 404, "there is no symbol NOPE"),
    ("liquidity", {"symbol": BTC, "bids": [["2", "1"]], "asks": [["1", "1"]]}, 400, "cross"),
    ("liquidity", {"symbol": BTC, "bids": [["1"]]}, 422, "bids"),
    ("liquidity", {"symbol": BTC, "bids": [["-1", "1"]]}, 422, "bids"),
    ("liquidity", {"symbol": BTC, "bids": [["1", "1e4000000"]]}, 422, "bids"),
    ("clock", {}, 422, "advance_ms or skew_ms"),
    ("clock", {"advance_ms": -1}, 422, "advance_ms"),
    ("clock", {"advance_ms": "soon"}, 422, "advance_ms"),
    ("clock", {"advance_ms": 10**15}, 422, "advance_ms"),
    ("balances", deposit(account="nobody"), 404, "there is no account nobody"),
    ("balances", deposit(delta="-99"), 400, "alice has 10.00000000 BTC free"),
    ("balances", deposit(delta="much"), 422, "delta"),
    ("balances", deposit(delta="1e99999"), 422, "delta"),
    ("balances", deposit(asset=""), 422, "asset"),
    ("locks", deposit(account="nobody"), 404, "there is no account nobody"),
    ("locks", deposit(delta="10.1"), 400, "alice has 10.00000000 BTC free"),
    ("locks", deposit(delta="-0.1"), 400, "locked from outside"),
    ("symbols", {"symbol": "NOPE"}, 404, "there is no symbol NOPE"),
    ("symbols", {"symbol": BTC, "status": "ASLEEP"}, 422, "status"),
    ("symbols", {"symbol": BTC, "filters": [{"x": 1}]}, 422, "filterType"),
    ("symbols", {"symbol": BTC, "filters": [{"filterType": "LOT_SIZE"}]}, 400, "minQty"),
    ("symbols", {"symbol": BTC, "filters": [{**LOT, "stepSize": "NaN"}]}, 422, "stepSize"),
    ("symbols", {"symbol": BTC, "filters": [{**LOT, "maxQty": "-1"}]}, 422, "maxQty"),
    ("symbols", {"symbol": BTC, "rules": [{**RANGE, "ruleType": "NOPE"}]}, 422, "ruleType"),
    ("symbols", {"symbol": BTC, "rules": [{**RANGE, "bidLimitMultDown": "2"}]}, 422, "above its upper bound"),
    ("symbols", {"symbol": BTC, "rules": [RANGE, RANGE]}, 422, "at most 1 item"),
    ("symbols", {"symbol": BTC, "reference_price": "0"}, 422, "reference_price"),
    ("faults", {"fault": "nope"}, 400, "no fault 'nope'"),
    ("faults", {"fault": "answer_lost", "probability": 2}, 422, "probability"),
    ("faults", {"fault": "answer_lost", "count": 0}, 422, "count"),
    ("faults", {"fault": "answer_lost", "match": {"symbol": "NOPE"}}, 404, "there is no symbol NOPE"),
    ("faults", {"fault": "answer_lost", "match": {"account": "nobody"}}, 404, "there is no account nobody"),
    ("faults", fault("late_acceptance", ms="long"), 400, "params.ms"),
    ("faults", fault("stream_delay", ms=-5), 400, "params.ms"),
    ("faults", fault("http_5xx_unknown", status=99999), 400, "params.status"),
    ("faults", fault("rate_limit_1003", retry_after="soon"), 400, "params.retry_after"),
    ("faults", fault("disconnect", code=5), 400, "closed with"),
    ("faults", fault("price_gap", percent=-200), 400, "no outside market"),
    (
        "faults",
        fault("late_acceptance", delay_ms=5),
        400,
        "late_acceptance knows the params ms, before, after, body, status, not delay_ms",
    ),
    ("faults", fault("symbol_halt", status="x"), 400, "not a symbol status"),
    ("faults", fault("filter_change"), 400, "filters"),
    ("reset", {"symbols": []}, 400, "symbols"),
    ("reset", '{"symbols":' + "[" * 50_000, 400, "parsing the body"),
    ("reset", '{"seed":' + "[" * 900 + "]" * 900 + "}", 400, "seed"),
    ("reset", fixture(surprise=1), 400, "surprise"),
    ("reset", fixture(seed="x"), 400, "seed"),
    ("reset", fixture(exchange_filters=[{"filterType": "LOT_SIZE", "limit": 1}]), 400, "not an exchange filter"),
    ("reset", fixture(exchange_filters=[{"filterType": "EXCHANGE_MAX_NUM_ORDERS"}]), 400, "not an exchange filter"),
    ("reset", account(max_assets={"BTC": "-1"}), 400, "max_assets"),
    ("reset", fixture(sors=[{"base": "ETH", "symbols": [BTC]}]), 400, "routing of ETH cannot use BTCUSDT"),
    ("reset", fixture(market={"kind": "lively"}), 400, "market.kind"),
    ("reset", fixture(market={"kind": "replay"}), 400, "files"),
    ("reset", fixture(market={"kind": "replay", "files": {BTC: "/nowhere.csv"}}), 400, "/nowhere.csv"),
    ("reset", fixture(clock={"mode": "warp"}), 400, "clock.mode"),
    ("reset", fixture(clock={"mode": "accelerated", "speed": 0}), 400, "clock.speed"),
    ("reset", fixture(clock={"mode": "stepped", "start": "0001-01-01T00:00:00Z"}), 400, "clock.start"),
    ("reset", fixture(limits={"weight_1m": 0}), 400, "limits.weight_1m"),
    ("reset", fixture(accounts=[{"name": "a"}, {"name": "a"}]), 400, "account a is there twice"),
    ("reset", account(balances={"BTC": "-1"}), 400, "makes no sense"),
    ("reset", account(balances={"BTC": "1e500"}), 400, "balances"),
    ("reset", account(key_type="DSA"), 400, "key_type"),
    ("reset", account(key_type="RSA", api_key="x", secret_key="y"), 400, "PEM"),
    ("reset", symbol(last_price="0"), 400, "last_price"),
    ("reset", symbol(symbol="btcusdt"), 400, "symbol"),
    ("reset", symbol(status="ASLEEP"), 400, "not a symbol status"),
    ("reset", symbol(bids=[["2", "1"]], asks=[["1", "1"]]), 400, "cross"),
    ("reset", symbol(filters=[{**LOT, "minQty": "few"}]), 400, "minQty"),
]


@pytest.mark.parametrize(("path", "body", "status", "reason"), REFUSALS)
async def test_nonsense_is_refused_with_the_reason_and_changes_nothing(
    control: httpx.AsyncClient, path: str, body: Any, status: int, reason: str
) -> None:
    before = (await control.get("/control/v1/state")).json()
    sent = (
        {"content": body, "headers": {"content-type": "application/json"}} if isinstance(body, str) else {"json": body}
    )
    answer = await control.post(f"/control/v1/{path}", **sent)
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["detail"]
    after = (await control.get("/control/v1/state")).json()
    for part in ("markets", "accounts", "orders", "faults"):
        assert after[part] == before[part]


async def test_every_call_needs_the_token(control: httpx.AsyncClient) -> None:
    for method, path in [
        ("POST", "reset"), ("POST", "liquidity"), ("POST", "trades"), ("POST", "clock"), ("POST", "balances"),
        ("POST", "symbols"), ("GET", "faults"), ("POST", "faults"), ("DELETE", "faults"), ("GET", "audit"),
        ("GET", "state"), ("GET", "accounts"), ("POST", "accounts"),
    ]:  # fmt: skip
        for headers in ({"X-Control-Token": "wrong"}, {"X-Control-Token": ""}):
            answer = await control.request(method, f"/control/v1/{path}", headers=headers)
            assert answer.status_code == 401, f"{method} {path}"


async def test_the_audit_adds_up_after_deposits_withdrawals_fees_and_outside_trades(control: httpx.AsyncClient) -> None:
    for path, body in [
        ("balances", deposit(delta="2.5")), ("balances", deposit(delta="-0.75")),
        ("balances", deposit(asset="NEW", delta="7")), ("trades", trade(quantity="0.4")),
        ("trades", trade(side="SELL", quantity="0.3")),
        ("liquidity", {"symbol": BTC, "bids": [["49000", "5"]], "asks": [["51000", "5"]]}),
        ("trades", trade(quantity="2", price="51000")), ("symbols", {"symbol": BTC, "status": "HALT"}),
    ]:  # fmt: skip
        answer = await control.post(f"/control/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
    audit = (await control.get("/control/v1/audit")).json()
    assert (audit["ok"], audit["problems"]) == (True, [])
    assert audit["assets"]["BTC"]["deposits"] == audit["assets"]["BTC"]["balances"] == "13.75000000"
    assert audit["assets"]["NEW"]["balances"] == "7.00000000"


async def test_filters_are_shown_as_the_exchange_writes_them(control: httpx.AsyncClient) -> None:
    sloppy = {"filterType": "LOT_SIZE", "minQty": 0.001, "maxQty": 9, "stepSize": 0.001}
    counts = {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": "5"}
    await control.post("/control/v1/symbols", json={"symbol": BTC, "filters": [sloppy, counts]})
    info = (await control.get(f"/api/v3/exchangeInfo?symbol={BTC}")).json()["symbols"][0]
    shown = {entry["filterType"]: entry for entry in info["filters"]}
    assert shown["LOT_SIZE"] == {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9", "stepSize": "0.001"}
    assert shown["MAX_NUM_ORDERS"] == {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 5}


async def test_rules_and_reference_price_are_set_and_lifted_while_running(control: httpx.AsyncClient) -> None:
    """Rules: executionRules and referencePrice; a price that was never set is an error, an unknown one is null."""

    async def shown() -> tuple[Any, Any]:
        rules = (await control.get(f"/api/v3/executionRules?symbol={BTC}")).json()["symbolRules"][0]["rules"]
        price = (await control.get(f"/api/v3/referencePrice?symbol={BTC}")).json()
        return rules, price.get("code", price.get("referencePrice"))

    async def change(**fields: Any) -> tuple[Any, Any]:
        answer = await control.post("/control/v1/symbols", json={"symbol": BTC, **fields})
        assert answer.status_code == 200, answer.text
        return await shown()

    assert await shown() == ([], -2043)
    assert await change(rules=[RANGE], reference_price="50000") == ([RANGE], "50000.00000000")
    assert await change(status="TRADING") == ([RANGE], "50000.00000000")
    assert await change(rules=[], reference_price=None) == ([], None)
    part = {"symbol": BTC, "base": "BTC", "quote": "USDT", "last_price": "1", "rules": [RANGE], "reference_price": "2"}
    assert (await control.post("/control/v1/reset", json=fixture(symbols=[part]))).status_code == 200
    assert await shown() == ([RANGE], "2.00000000")
