"""Reads that show money need a token where others than this machine can ask."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from shared.src.config import load_settings
from shared.src.domain.errors import RejectedError
from shared.src.frame.auth import Authorizer, Principal, Scope
from shared.src.frame.read_gate import ReadGate

EVERYWHERE = "0.0.0.0"  # noqa: S104  nothing listens: what the setting means is asked
TOKEN = {"Authorization": "Bearer right"}


class OneToken(Authorizer):
    """Knows one token of the scope read."""

    def __init__(self) -> None:
        pass

    async def check(self, authorization: str | None, needed: Scope) -> Principal:
        if authorization != TOKEN["Authorization"]:
            raise RejectedError("send a token", code=401)
        return Principal("token-1", needed)


def gated() -> httpx.AsyncClient:
    app = FastAPI()
    app.add_middleware(ReadGate, auth=OneToken())
    for path in ("/balances", "/health", "/metrics", "/docs-files/page.css"):
        app.add_api_route(path, lambda: {"ok": True}, methods=["GET", "POST"], include_in_schema=False)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


async def test_what_shows_money_needs_a_token() -> None:
    async with gated() as client:
        refused = await client.get("/balances")
        assert (refused.status_code, refused.json()) == (401, {"detail": "send a token"})
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert (await client.head("/balances")).status_code == 401
        assert (await client.get("/balances", headers=TOKEN)).json() == {"ok": True}


async def test_probes_and_the_description_stay_open_and_writes_are_their_routes_business() -> None:
    async with gated() as client:
        for path in ("/health", "/metrics", "/openapi.json", "/docs-files/page.css"):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.post("/balances")).status_code == 200
        for path in ("/healthy", "/health/..", "/metrics/"):
            assert (await client.get(path)).status_code == 401, path


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, False),
        ({"bind_address": "127.0.0.1"}, False),
        ({"bind_address": "::1"}, False),
        ({"bind_address": "localhost"}, False),
        ({"bind_address": EVERYWHERE}, True),
        ({"bind_address": "::"}, True),
        ({"bind_address": "192.168.1.5"}, True),
        ({"bind_address": EVERYWHERE, "published_on": "127.0.0.1"}, False),
        ({"bind_address": EVERYWHERE, "published_on": "203.0.113.9"}, True),
        ({"read_tokens": "true"}, True),
        ({"bind_address": EVERYWHERE, "read_tokens": "false"}, False),
    ],
)
def test_reads_are_open_on_this_machine_alone(settings: dict[str, str], needed: bool) -> None:
    assert load_settings(**settings).reads_need_token is needed
