"""What is forwarded to the trader, and what the nine services say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from visualization.src.platform_health import PlatformHealthMonitor, service_view, summary
from visualization.src.proxy import proxy_routes
from visualization.src.system import health_alerts

Handler = Callable[[httpx.Request], httpx.Response]


def trader_at(handler: Handler) -> httpx.AsyncClient:
    """A client of the dashboard's proxy, whose own upstream is ``handler``."""
    app = FastAPI()
    upstream = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    app.include_router(proxy_routes(upstream, trader_url="http://trader:5002", portfolio_url="http://portfolio:8000"))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard")


async def test_an_action_is_forwarded_with_the_callers_token_and_body() -> None:
    seen: list[httpx.Request] = []

    def trader(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"order_id": "1"})

    async with trader_at(trader) as client:
        answer = await client.post(
            "/api/trader/order?dry=1",
            json={"symbol": "BTCUSDC"},
            headers={"Authorization": "Bearer t", "Cookie": "session=1"},
        )
    assert (answer.status_code, answer.json()) == (201, {"order_id": "1"})
    (request,) = seen
    assert str(request.url) == "http://trader:5002/order?dry=1"
    assert request.headers["authorization"] == "Bearer t"
    assert "cookie" not in request.headers
    assert request.content == b'{"symbol":"BTCUSDC"}'


async def test_levels_of_a_position_are_moved_through_the_dashboard() -> None:
    async with trader_at(lambda request: httpx.Response(200, json={"method": request.method})) as client:
        answer = await client.patch("/api/trader/cycles/cy-1", json={"stop_price": "99"})
    assert (answer.status_code, answer.json()) == (200, {"method": "PATCH"})


async def test_a_refusal_comes_back_as_it_was_given() -> None:
    async with trader_at(lambda _: httpx.Response(403, json={"detail": "scope read"})) as client:
        answer = await client.delete("/api/trader/order/rt-1")
    assert (answer.status_code, answer.json()) == (403, {"detail": "scope read"})


@pytest.mark.parametrize(
    ("error", "method", "status", "words"),
    [
        (httpx.ConnectError("refused"), "POST", 503, "nothing was sent"),
        (httpx.ReadTimeout("slow"), "POST", 504, "it may have acted"),
        (httpx.ReadTimeout("slow"), "GET", 504, "did not answer"),
    ],
)
async def test_a_missing_answer_says_whether_anything_may_have_happened(
    error: Exception, method: str, status: int, words: str
) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise error

    async with trader_at(broken) as client:
        answer = await client.request(method, "/api/trader/order")
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/trader/a/%2e%2e/b", "/api/trader/a%3Fb", "/api/trader/a%0d%0ab"])
async def test_a_path_cannot_leave_the_service(path: str) -> None:
    async with trader_at(lambda _: pytest.fail("forwarded")) as client:
        answer = await client.get(path)
    assert answer.status_code in {400, 404, 422}


async def test_the_portfolio_can_only_be_read() -> None:
    async with trader_at(lambda _: httpx.Response(200, json={})) as client:
        assert (await client.get("/api/portfolio/summary")).status_code == 200
        assert (await client.post("/api/portfolio/pockets")).status_code == 405


def report(status: str, **dependencies: bool) -> dict[str, Any]:
    return {"status": status, "dependencies": {name: {"ok": ok, "detail": "x"} for name, ok in dependencies.items()}}


async def test_health_tells_the_sick_from_the_silent() -> None:
    def services(request: httpx.Request) -> httpx.Response:
        if request.url.port == 5012:
            raise httpx.ConnectError("refused")
        sick = request.url.port == 5003
        body = report("unhealthy" if sick else "healthy", redis=not sick)
        return httpx.Response(503 if sick else 200, json=body)

    async def own() -> dict[str, Any]:
        return report("healthy", redis=True)

    client = httpx.AsyncClient(transport=httpx.MockTransport(services))
    health = await PlatformHealthMonitor(load_settings(), client, ManualClock(), own).check()
    assert health["status"] == "degraded"
    assert health["services"]["analyzer"]["state"] == "unreachable"
    assert health["services"]["coordinator"]["dependencies"] == {"redis": False}
    assert health["services"]["visualization"]["healthy"]
    assert [alert["title"] for alert in health_alerts(health)] == [
        "Analyzer is unreachable",
        "Coordinator is unhealthy",
    ]


def test_a_platform_of_which_only_the_dashboard_lives_is_unhealthy() -> None:
    alone = [
        service_view("trader", "http://t", report("unhealthy"), None),
        service_view("visualization", "http://v", report("healthy"), None),
    ]
    assert summary(alone, "now")["status"] == "unhealthy"


def test_an_answer_without_a_status_is_not_healthy() -> None:
    assert not service_view("trader", "http://t", {}, 1.0)["healthy"]
