"""A WebSocket client that does nothing by itself: it sees every frame and answers no ping unless told to."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, Self

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri


class RawSocket:
    """Use it as an async context manager; ``frames`` are what came and was not taken yet. ``buffer`` (bytes) makes a
    client that holds little without reading."""

    def __init__(self, url: str, *, buffer: int | None = None) -> None:
        self._uri = parse_uri(url)
        self._buffer = buffer
        self._protocol = ClientProtocol(self._uri, max_size=None)
        self.frames: list[Frame] = []
        self.response: Response | None = None

    async def __aenter__(self) -> Self:
        plug = socket.socket()
        plug.setblocking(False)
        if self._buffer is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        await asyncio.get_running_loop().sock_connect(plug, (self._uri.host, self._uri.port))
        self._reader, self._writer = await asyncio.open_connection(sock=plug, limit=self._buffer or 2**16)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while self.response is None:
            await self._receive()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write(b"".join(part for part in self._protocol.data_to_send() if part))

    async def _receive(self) -> None:
        data = await self._reader.read(2**16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame):
                self.frames.append(event)
        # what the protocol would answer by itself (pongs) is thrown away
        self._protocol.data_to_send()

    async def frame(self, opcode: Opcode) -> Frame:
        """The next frame of a kind; others before it are dropped. Raises ConnectionError when none comes."""
        while True:
            while self.frames:
                found = self.frames.pop(0)
                if found.opcode is opcode:
                    return found
            await self._receive()

    async def ended(self) -> None:
        """Wait until the server has nothing more to say; what comes is dropped. A reset raises ConnectionResetError."""
        while await self._reader.read(2**16):
            pass

    async def json(self) -> Any:
        """The next message."""
        return json.loads(bytes((await self.frame(Opcode.TEXT)).data))

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame."""
        data = bytes((await self.frame(Opcode.CLOSE)).data)
        return int.from_bytes(data[:2], "big"), data[2:].decode()

    async def send(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._protocol.send_text(text.encode())
        await self._sent()

    async def send_bytes(self, data: bytes) -> None:
        self._protocol.send_binary(data)
        await self._sent()

    async def send_raw_text(self, data: bytes) -> None:
        """A text frame of any bytes."""
        self._protocol.send_text(data)
        await self._sent()

    async def send_octets(self, octets: bytes) -> None:
        """Any bytes, a part of a frame for instance."""
        self._writer.write(octets)
        await self._writer.drain()

    async def send_pieces(self, pieces: list[bytes]) -> None:
        """One text message in several frames."""
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            (self._protocol.send_continuation if number else self._protocol.send_text)(piece, fin=is_last)
        await self._sent()

    async def ping(self, payload: bytes = b"") -> None:
        self._protocol.send_ping(payload)
        await self._sent()

    async def pong(self, payload: bytes = b"") -> None:
        self._protocol.send_pong(payload)
        await self._sent()

    async def _sent(self) -> None:
        self._flush()
        await self._writer.drain()
