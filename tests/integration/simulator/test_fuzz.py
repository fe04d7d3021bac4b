"""Nonsense sent to every API: a refusal each time, never a 5xx, never a hang, and the books stay in order."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import openapi
from schemathesis.core.result import Ok

from simulator.api.rest.app import ENDPOINTS, WS_METHODS
from tests.integration.simulator.conftest import STILL, TOKEN, RunningTwin, running_twin

NAMES = sorted({name for endpoint in ENDPOINTS for name in endpoint.params} | {"recvWindow", "surprise"})
VALUES = st.one_of(
    st.sampled_from(
        [
            "BTCUSDT",
            "ETHUSDT",
            "BUY",
            "SELL",
            "LIMIT",
            "MARKET",
            "STOP_LOSS",
            "LIMIT_MAKER",
            "GTC",
            "IOC",
            "FOK",
            "1m",
            "0",
            "1",
            "0.1",
            "50000",
            "-1",
            "1e5",
            "NaN",
            "99999999999999999999999",
            "0.000000001",
            "true",
            "FULL",
            "[]",
            '["BTCUSDT"]',
            '["BTCUSDT","BTCUSDT"]',
            "\x00",
            "' OR 1=1",
            "STOP_ON_FAILURE",
            "1767225600000",
            "2d",
        ]
    ),
    st.text(max_size=40),
    st.integers().map(str),
)
PARAMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=9)
SLOW = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    """A twin without limits that would stop the barrage."""
    limits = {"weight_1m": 10**9, "orders_10s": 10**9, "orders_1d": 10**9, "raw_5m": 10**9, "connections_5m": 10**6}
    with running_twin(tmp_path_factory.mktemp("fuzz"), fixture={**STILL, "limits": limits}) as twin:
        yield twin


@pytest.fixture(scope="module")
def caller() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60, trust_env=False) as client:
        yield client


def encoded(params: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value.encode('utf-8', 'replace'), safe='')}" for name, value in params.items())


@given(endpoint=st.sampled_from(ENDPOINTS), params=PARAMS, signs=st.booleans(), in_body=st.booleans())
@SLOW
def test_rest_answers_nonsense_with_a_code_and_a_message(
    target: RunningTwin, caller: httpx.Client, endpoint: Any, params: dict[str, str], signs: bool, in_body: bool
) -> None:
    query = encoded(params)
    headers = {}
    if signs:
        query += f"{'&' if query else ''}timestamp={int(time.time() * 1000)}"
        headers["X-MBX-APIKEY"] = target.key
        query += "&signature=" + hmac.new(target.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    send_body = in_body and endpoint.method != "GET"
    if send_body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"

    answer = caller.request(
        endpoint.method,
        f"{target.rest}{endpoint.path}" + ("" if send_body else f"?{query}"),
        content=query if send_body else None,
        headers=headers,
    )

    assert answer.status_code < 500, f"{endpoint.name} {params}: {answer.text}"
    content = answer.json()
    if answer.status_code >= 400:
        assert isinstance(content["code"], int)
        assert isinstance(content["msg"], str)


@given(st.binary(max_size=200), st.sampled_from(["GET", "POST", "PUT", "DELETE"]))
@settings(parent=SLOW, max_examples=100)
def test_raw_bytes_do_not_upset_the_order_endpoint(
    target: RunningTwin, caller: httpx.Client, body: bytes, method: str
) -> None:
    answer = caller.request(method, f"{target.rest}/api/v3/order", content=body, headers={"X-MBX-APIKEY": target.key})

    assert 400 <= answer.status_code < 500


@asynccontextmanager
async def socket_to(url: str) -> AsyncIterator[Any]:
    async with websockets.connect(url, max_size=None) as opened:
        yield opened


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FRAMES = st.one_of(
    st.text(max_size=100),
    JSON_VALUES.map(json.dumps),
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 100),
            "method": st.sampled_from([*WS_METHODS, "session.logon", "userDataStream.subscribe"]),
        },
        optional={"params": st.one_of(JSON_VALUES, st.dictionaries(st.sampled_from(NAMES), JSON_VALUES, max_size=6))},
    ).map(json.dumps),
)


@given(st.lists(FRAMES, min_size=1, max_size=10))
@settings(parent=SLOW, max_examples=80)
def test_the_websocket_api_answers_every_frame(target: RunningTwin, frames: list[str]) -> None:
    async def converse() -> None:
        async with socket_to(target.ws_api) as opened:
            for frame in frames:
                await opened.send(frame)
                answer = json.loads(await asyncio.wait_for(opened.recv(), 60))
                assert answer["status"] < 500, (frame, answer)
                assert "result" in answer or answer["error"]["code"] < 0

    asyncio.run(converse())


@given(st.one_of(st.text(max_size=60), JSON_VALUES.map(json.dumps)), st.text(max_size=30))
@settings(parent=SLOW, max_examples=80)
def test_the_stream_server_answers_every_frame(target: RunningTwin, frame: str, name: str) -> None:
    async def converse() -> None:
        path = quote(name.encode("utf-8", "replace"), safe="@/")
        async with socket_to(f"{target.streams}/ws/{path}") as opened:
            await opened.send(frame)
            answer = json.loads(await asyncio.wait_for(opened.recv(), 60))
            assert "code" in answer or "result" in answer

    asyncio.run(converse())


def test_the_control_api_keeps_to_its_own_description(target: RunningTwin) -> None:
    """Every documented call with made-up bodies: no 5xx."""
    schema = openapi.from_url(f"{target.rest}/control/openapi.json").include(
        path_regex="/v1/(liquidity|trades|balances|symbols|faults|state|audit|accounts|clock)"
    )
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 12
    for case_of in operations:

        @given(case=case_of.as_strategy())
        @settings(parent=SLOW, max_examples=15)
        def send(case: Any) -> None:
            answer = case.call(base_url=f"{target.rest}/control", headers={"X-Control-Token": TOKEN}, timeout=60)
            assert answer.status_code < 500, answer.text

        send()


def test_after_all_this_the_books_are_in_order(target: RunningTwin) -> None:
    target.do("DELETE", "/faults")

    assert target.do("GET", "/audit")["ok"]
    assert target.get("/api/v3/ping") == {}
