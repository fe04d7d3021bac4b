"""A small market stream server: it sends what a test tells it to, and remembers what clients asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request


class StreamServer:
    """Combined streams on ``url``. ``subscribed`` maps open connections to their streams; ``asked`` are the paths of
    all handshakes, which wait while ``gate`` is closed.
    """

    def __init__(self) -> None:
        self.url = ""
        self.subscribed: dict[ServerConnection, list[str]] = {}
        self.asked: list[str] = []
        self.opened: list[list[str]] = []
        self.commands: list[dict[str, Any]] = []
        self.answers = True
        self.gate = asyncio.Event()
        self.gate.set()

    async def admit(self, connection: ServerConnection, request: Request) -> None:
        """Before the handshake is answered: it waits while the gate is closed."""
        self.asked.append(request.path)
        await self.gate.wait()

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        names = [name for name in query.get("streams", [""])[0].split("/") if name]
        self.subscribed[socket] = names
        self.opened.append(list(names))
        try:
            async for raw in socket:
                command = orjson.loads(raw)
                self.commands.append(command)
                if not self.answers:
                    continue
                for name in command["params"]:
                    if command["method"] == "SUBSCRIBE":
                        names.append(name)
                    elif name in names:
                        names.remove(name)
                await socket.send(orjson.dumps({"result": None, "id": command["id"]}).decode())
        except ConnectionClosed:
            pass
        finally:
            self.subscribed.pop(socket, None)

    async def send(self, stream: str, data: Any) -> int:
        """To everyone who subscribed to the stream; returns how many got it."""
        return await self.send_raw(stream, orjson.dumps({"stream": stream, "data": data}).decode())

    async def send_raw(self, stream: str, frame: str) -> int:
        sent = 0
        for socket in [socket for socket, names in self.subscribed.items() if stream in names]:
            with suppress(ConnectionClosed):
                await socket.send(frame)
                sent += 1
        return sent

    @property
    def streams(self) -> list[str]:
        """Everything that is subscribed on any connection."""
        return sorted(name for names in self.subscribed.values() for name in names)


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    """A server on a free loopback port."""
    server = StreamServer()
    async with serve(server.handle, "127.0.0.1", 0, process_request=server.admit, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}"
        yield server


async def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is watched has no events
            await asyncio.sleep(0.01)
