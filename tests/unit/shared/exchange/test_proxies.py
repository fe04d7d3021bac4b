"""A proxy that the environment names is never asked for this machine's own addresses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from shared.src.exchange.proxies import http_options, is_loopback, websocket_proxy


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:8400", True),
        ("ws://127.8.9.10/ws-api/v3", True),
        ("http://localhost:8400/api", True),
        ("wss://[::1]:8400/stream", True),
        ("https://api.binance.com", False),
        ("wss://stream.binance.com:9443", False),
        ("http://simulator:8400", False),
        ("http://localhost.example.com", False),
        ("http://192.168.1.2", False),
    ],
)
def test_which_addresses_are_this_machine_s_own(url: str, own: bool) -> None:
    assert is_loopback(url) is own
    assert websocket_proxy(url) is (None if own else True)


@pytest.mark.parametrize(
    ("url", "environment", "own_context"),
    [
        ("https://127.0.0.1:8400", False, True),
        ("http://127.0.0.1:8400", False, False),
        ("https://api.binance.com", True, False),
    ],
)
def test_certificates_of_the_environment_hold_with_and_without_its_proxies(
    url: str, environment: bool, own_context: bool
) -> None:
    options = http_options(url)
    assert options["trust_env"] is environment
    assert isinstance(options["verify"], ssl.SSLContext) is own_context


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    async def answer(socket: ServerConnection) -> None:
        async for text in socket:
            await socket.send(text)

    async with serve(answer, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def test_a_socket_to_this_machine_opens_though_the_proxy_is_away(
    echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with asyncio.timeout(30), connect(echo, proxy=websocket_proxy(echo)) as socket:
        await socket.send("here")
        assert await socket.recv() == "here"
