"""A small market stream server: it sends what a test tells it to, and remembers what clients asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class StreamServer:
    """Combined streams on ``url``. ``subscribed`` maps open connections to their streams."""

    def __init__(self) -> None:
        self.url = ""
        self.subscribed: dict[ServerConnection, list[str]] = {}
        self.opened: list[list[str]] = []
        self.commands: list[dict[str, Any]] = []
        self.answers = True

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
        """To everyone who subscribed to the stream; answers how many they are."""
        return await self.send_raw(stream, orjson.dumps({"stream": stream, "data": data}).decode())

    async def send_raw(self, stream: str, frame: str) -> int:
        listeners = [socket for socket, names in self.subscribed.items() if stream in names]
        for socket in listeners:
            await socket.send(frame)
        return len(listeners)

    @property
    def streams(self) -> list[str]:
        """Everything that is subscribed on any connection."""
        return sorted(name for names in self.subscribed.values() for name in names)


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    """A server on a free loopback port."""
    server = StreamServer()
    async with serve(server.handle, "127.0.0.1", 0, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}"
        yield server


async def until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is watched has no events
            await asyncio.sleep(0.01)
