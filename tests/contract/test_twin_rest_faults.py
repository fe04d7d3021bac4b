"""What a client sees on a bad day: every fault of the request door, over a real connection where it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from simulator.api.rest.app import rest_app
from simulator.api.state import Fault
from tests.contract.twin_rest import BTC, LIMIT_BUY, Door, fixture_with, refusal


def arm(door: Door, kind: str, **params: Any) -> None:
    """Let the next order meet a fault, and only that."""
    armed = [Fault(kind, params)]

    async def hook(endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
        assert (symbol, account) == (BTC, "alice") or endpoint != "POST /api/v3/order"
        return armed.pop() if armed and endpoint == "POST /api/v3/order" else None

    door.twin.state.fault = hook


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
    door: Door, kind: str, params: dict[str, Any], status: int, code: int | None, placed: bool
) -> None:
    arm(door, kind, **params)
    response = await door.post("order", LIMIT_BUY)
    assert response.status_code == status
    if code is not None:
        assert response.json()["code"] == code
    elif status >= 500:
        assert response.headers["content-type"].startswith("text/html")
    if "retry_after" in params:
        assert response.headers["Retry-After"] == str(params["retry_after"])
    assert len(await door.query("openOrders", symbol=BTC)) == int(placed)


async def test_an_answer_may_be_cut_in_the_middle(door: Door) -> None:
    arm(door, "malformed")
    response = await door.post("order", LIMIT_BUY)
    with pytest.raises(ValueError, match=r"."):
        response.json()
    assert len(await door.query("openOrders", symbol=BTC)) == 1


async def test_a_request_delayed_beyond_its_window_is_refused_before_the_engine(door: Door) -> None:
    clock = door.twin.state.clock

    async def hook(endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
        if endpoint != "POST /api/v3/order":
            return None
        await door.twin.advance(6_000)
        return Fault("delay", {"ms": 0})

    door.twin.state.fault = hook
    stamp = clock.now_ms()
    response = await door.post("order", LIMIT_BUY, timestamp=stamp, recvWindow="5000")
    assert refusal(response)[1] == -1021
    assert await door.query("openOrders", symbol=BTC) == []


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    """The REST door on a real port."""
    config = uvicorn.Config(rest_app(door.twin.state), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.mark.parametrize(("kind", "placed"), [("drop_answer", True), ("drop_request", False)])
async def test_a_lost_message_breaks_the_connection(kind: str, placed: bool) -> None:
    door = Door(fixture_with())
    async with door.http, served(door) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        local, door.http = door.http, client
        arm(door, kind)
        with pytest.raises(httpx.TransportError):
            await door.post("order", LIMIT_BUY)
        assert len(await door.query("openOrders", symbol=BTC)) == int(placed)
        door.http = local
