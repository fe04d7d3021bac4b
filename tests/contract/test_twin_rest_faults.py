"""What a client sees on a bad day: every fault of the REST API, over a real connection where it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from simulator.api.state import Fault
from tests.contract.twin_rest import BTC, LIMIT_BUY, RestClient, fixture_with, refusal, rest_app


def arm(rest: RestClient, kind: str, **params: Any) -> None:
    """Let the next order meet a fault, and only that."""
    armed = [Fault(kind, params)]

    async def hook(endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
        assert (symbol, account) == (BTC, "alice") or endpoint != "POST /api/v3/order"
        return armed.pop() if armed and endpoint == "POST /api/v3/order" else None

    rest.twin.state.fault = hook


# (fault, params, HTTP status, code, is the order placed)
ANSWERED: list[tuple[str, dict[str, Any], int, int | None, bool]] = [
    ("timeout", {}, 504, -1007, True),
    ("timeout", {"before": True}, 504, -1007, False),
    ("http_error", {"status": 502}, 502, None, True),
    ("http_error", {"status": 503, "before": True}, 503, None, False),
    ("http_error", {"status": 500, "body": "<b>sorry</b>"}, 500, None, True),
    ("error", {"code": -2010, "msg": "Market is closed."}, 400, -2010, False),
    ("error", {"code": -1001, "status": 500, "after": True}, 500, -1001, True),
    ("rate_limit", {"retry_after": 7}, 429, -1003, False),
    ("ban", {"retry_after": 120}, 418, -1003, False),
    ("delay", {"ms": 1}, 200, None, True),
    ("delay_answer", {"ms": 1}, 200, None, True),
]


@pytest.mark.parametrize(("kind", "params", "status", "code", "placed"), ANSWERED)
async def test_a_fault_answers_as_binance_does_and_says_nothing_of_the_outcome(
    rest: RestClient, kind: str, params: dict[str, Any], status: int, code: int | None, placed: bool
) -> None:
    arm(rest, kind, **params)
    response = await rest.post("order", LIMIT_BUY)
    assert response.status_code == status
    if code is not None:
        assert response.json()["code"] == code
    elif status >= 500:
        assert response.headers["content-type"].startswith("text/html")
    if "retry_after" in params:
        assert response.headers["Retry-After"] == str(params["retry_after"])
    assert len(await rest.query("openOrders", symbol=BTC)) == int(placed)


async def test_an_answer_may_be_cut_in_the_middle(rest: RestClient) -> None:
    arm(rest, "malformed")
    response = await rest.post("order", LIMIT_BUY)
    with pytest.raises(ValueError, match=r"."):
        response.json()
    assert len(await rest.query("openOrders", symbol=BTC)) == 1


async def test_a_request_delayed_beyond_its_window_is_refused_before_the_engine(rest: RestClient) -> None:
    clock = rest.twin.state.clock

    async def hook(endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
        if endpoint != "POST /api/v3/order":
            return None
        await rest.twin.advance(6_000)
        return Fault("delay", {"ms": 0})

    rest.twin.state.fault = hook
    stamp = clock.now_ms()
    response = await rest.post("order", LIMIT_BUY, timestamp=stamp, recvWindow="5000")
    assert refusal(response)[1] == -1021
    assert await rest.query("openOrders", symbol=BTC) == []


@asynccontextmanager
async def served(rest: RestClient) -> AsyncIterator[str]:
    """The REST API on a real port."""
    config = uvicorn.Config(rest_app(rest.twin.state), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.mark.parametrize(("kind", "placed"), [("drop_answer", True), ("drop_request", False)])
async def test_a_lost_message_breaks_the_connection(kind: str, placed: bool) -> None:
    rest = RestClient(fixture_with())
    async with rest.http, served(rest) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        local, rest.http = rest.http, client
        arm(rest, kind)
        with pytest.raises(httpx.TransportError):
            await rest.post("order", LIMIT_BUY)
        assert len(await rest.query("openOrders", symbol=BTC)) == int(placed)
        rest.http = local
