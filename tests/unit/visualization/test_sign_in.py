"""Where reads need a token, the dashboard shows nothing to who has none, and lets a browser sign in."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Header
from starlette.types import Message
from starlette.websockets import WebSocket

from shared.src.domain.errors import RejectedError
from shared.src.frame.auth import Principal, Scope
from visualization.src.sign_in import COOKIE, SignedIn, sign_in_routes

TOKEN = "rt_of-a-reader"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def admit(authorization: str | None, needed: Scope) -> Principal:
    if authorization != f"Bearer {TOKEN}":
        raise RejectedError("the token is unknown or was revoked", code=401)
    return Principal("reader", needed)


def dashboard() -> FastAPI:
    app = FastAPI()

    @app.get("/api/balances")
    async def balances(authorization: Annotated[str, Header()]) -> dict[str, str]:
        return {"shown": authorization}

    @app.post("/api/trader/order")
    async def order(authorization: Annotated[str, Header()] = "") -> dict[str, str]:
        return {"shown": authorization}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.websocket("/ws/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.include_router(sign_in_routes(admit))
    app.add_middleware(SignedIn, admit=admit)
    return app


def browser() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(dashboard()), base_url="http://dashboard")


async def signed_in(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/sign-in", data={"token": f" {TOKEN} "})


async def connected(*headers: tuple[bytes, bytes]) -> str:
    """What a WebSocket connection is answered first."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/ws/live",
        "headers": headers,
        "query_string": b"",
        "subprotocols": [],
    }
    await dashboard()(scope, receive, send)
    return str(told[0]["type"])


async def test_without_a_token_nothing_is_shown_but_the_health() -> None:
    async with browser() as client:
        refused = await client.get("/api/balances")
        assert (refused.status_code, refused.json()["detail"]) == (401, "the token is unknown or was revoked")
        page = await client.get("/", headers=BROWSER)
        assert (page.status_code, "/sign-in" in page.text) == (401, True)
        assert (await client.get("/health")).status_code == 200
    assert await connected() == "websocket.close"


async def test_a_browser_that_signed_in_reads_and_listens_with_its_cookie() -> None:
    async with browser() as client:
        answer = await signed_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in (COOKIE, "HttpOnly", "SameSite=strict"))
        assert (await client.get("/api/balances")).json() == {"shown": f"Bearer {TOKEN}"}
    assert await connected((b"cookie", f"{COOKIE}={TOKEN}".encode())) == "websocket.accept"


async def test_a_program_reads_with_its_header() -> None:
    async with browser() as client:
        assert (await client.get("/api/balances", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200


async def test_the_cookie_changes_nothing() -> None:
    async with browser() as client:
        await signed_in(client)
        assert (await client.post("/api/trader/order")).json() == {"shown": ""}


async def test_a_wrong_token_is_told_of_and_not_kept() -> None:
    async with browser() as client:
        answer = await client.post("/sign-in", data={"token": "<b>guess"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert "unknown or was revoked" in answer.text
