"""What the trader and the portfolio let out while something between them and the exchange answers nonsense.

A door in front of the twin lets everything through, or answers by itself and repeats all that it was sent: the key
among the headers, the signature in the address.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from redis import Redis

from shared.src.config import Settings
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import TOKEN
from tests.integration.trader.test_process import AUTHORIZED, trader_process
from tests.processes import ServiceProcess, environment_of

pytestmark = pytest.mark.integration

Speak = Callable[[bytes], bytes]


def _answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


NONSENSE: dict[str, Speak] = {
    "a page with status 200": lambda sent: _answer("200 OK", b"<html>" + sent, "Content-Type: text/html"),
    "a list with status 200": lambda _: _answer("200 OK", b"[]", "Content-Type: application/json"),
    "a gateway's page": lambda sent: _answer("502 Bad Gateway", sent, "Content-Type: text/html"),
    "a firewall's page": lambda sent: _answer("403 Forbidden", sent, "Content-Type: text/html"),
    "a redirect": lambda _: _answer("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/"),
    "a proxy's question": lambda sent: _answer("407 Proxy Authentication Required", sent),
    "an echo in the exchange's form": lambda sent: _answer(
        "400 Bad Request",
        b'{"code":-1100,"msg":"Illegal characters in ' + sent.replace(b"\r\n", b" ").replace(b'"', b"'") + b'"}',
        "Content-Type: application/json",
    ),
    "no HTTP at all": lambda sent: sent,
    "a closed door": lambda _: b"",
}


class Door:
    """Listens before the twin, in a thread of its own."""

    def __init__(self, twin_url: str) -> None:
        address = urlsplit(twin_url)
        self._twin = (address.hostname or "", address.port or 0)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._connections: set[asyncio.StreamWriter] = set()
        self._speak: Speak | None = None
        self.port = 0
        self._thread.start()
        assert self._ready.wait(10)

    async def _listen(self) -> None:
        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._closed.wait()
        server.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for writer in self._connections:
            writer.close()

    def say(self, speak: Speak | None) -> None:
        """Answer so from now on, None: let everything through. Connections that stand are closed."""

        def change() -> None:
            self._speak = speak
            self._hang_up()

        self._loop.call_soon_threadsafe(change)
        time.sleep(0.1)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            if self._speak is None:
                await self._pass(reader, writer)
            else:
                writer.write(self._speak(await reader.read(65536)))
                await writer.drain()
        self._connections.discard(writer)
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._twin)
        self._connections.add(back)
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        self._connections.discard(back)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
def door(twin: RunningTwin) -> Iterator[Door]:
    opened = Door(twin.rest)
    yield opened
    opened.close()


def everything_stored(settings: Settings, redis: Redis) -> str:
    """All rows of all tables, and everything in Redis."""
    shown: list[str] = []
    with psycopg.connect(settings.database_url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            shown += [row[0] for row in connection.execute(f"SELECT t::text FROM {table} AS t").fetchall()]
    shown += [repr(redis.dump(key)) for key in redis.scan_iter("*")]
    return "\n".join(shown)


def everything_said(client: httpx.Client) -> str:
    """What every read of a service answers."""
    paths = client.get("/openapi.json").json()["paths"]
    plain = [path for path, methods in paths.items() if "get" in methods and "{" not in path]
    return "\n".join(client.get(path, headers=AUTHORIZED).text for path in plain if path != "/openapi.json")


def test_nothing_that_leaves_holds_the_key_or_a_signature(
    trader_settings: Settings, twin: RunningTwin, door: Door, flushed: Redis, tmp_path: Path
) -> None:
    behind = trader_settings.model_copy(update={"simulator_url": f"http://127.0.0.1:{door.port}"})
    extra = {"SIMULATOR_URL": behind.simulator_url, "BINANCE_API_KEY": twin.key, "BINANCE_SECRET_KEY": twin.secret}
    books = ServiceProcess("portfolio", environment_of(behind, API_TOKEN=TOKEN, **extra), tmp_path / "portfolio.log")
    order: dict[str, Any] = {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.001}
    said: list[str] = []
    with books, trader_process(behind, tmp_path) as trader:
        portfolio = httpx.Client(base_url=books.url, timeout=60, trust_env=False)
        for speak in NONSENSE.values():
            door.say(speak)
            said.append(trader.post("/order", order).text)
            said += [everything_said(trader.client), everything_said(portfolio)]
        door.say(None)
        trader.wait_until_healthy()
        said += [everything_said(trader.client), everything_said(portfolio)]
        portfolio.close()
    told = {
        "answers": "\n".join(said),
        "stores": everything_stored(trader_settings, flushed),
        "logs": "".join(log.read_text() for log in tmp_path.glob("*.log")),
    }
    for secret in (twin.key, twin.secret, "signature", "X-MBX-APIKEY", "recvWindow=", "<html>"):
        for where, text in told.items():
            place = text.find(secret)
            assert place < 0, f"{secret} in {where}: {text[max(0, place - 300) : place + 300]}"
    assert "Traceback" not in told["logs"], told["logs"][-3000:]
