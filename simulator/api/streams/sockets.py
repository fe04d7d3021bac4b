"""How WebSocket connections live on the wire: Binance's pings, its patience, and every frame that counts as a message.

Binance pings every 20 s, gives a client a minute to answer, and counts a client's own pings and pongs like messages.
uvicorn answers control frames by itself and sends one message at a time; ``SocketExtension`` lets whoever serves a
connection know of the former, and hand over all that waits in one write.
"""

import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

EXTENSION = "twin.wire"
# A write carries at most so much, so that a client that does not read is found out by what waits for it
WRITE_BYTES = 65_536
TEXT_FRAME = 0x81
INVALID_TEXT = 1007
POLICY_VIOLATION = 1008


@dataclass(slots=True)
class ConnectionLimits:
    """What Binance allows a WebSocket client; times in seconds."""

    messages_per_second: int = 5
    streams: int = 1024
    attempts_5m: int = 300
    life_s: float = 24 * 3600.0
    ping_interval_s: float = 20.0
    pong_timeout_s: float = 60.0
    outbox_messages: int = 20_000


SendTexts = Callable[[list[str]], Awaitable[None]]


@dataclass(slots=True)
class SocketExtension:
    """Tells a listener of each ping or pong of the client, those before it listened included.

    ``send_texts`` sends messages in as few writes as it can; None on a server that cannot.
    """

    send_texts: SendTexts | None = None
    listener: Callable[[], None] | None = None
    early: int = 0

    def arrived(self) -> None:
        if self.listener is None:
            self.early += 1
        else:
            self.listener()

    def listen(self, listener: Callable[[], None]) -> None:
        self.listener = listener
        for _ in range(self.early):
            listener()


def extension_of(websocket: WebSocket) -> SocketExtension:
    """What a connection can do beyond ASGI; nothing on other servers (tests)."""
    found = websocket.scope.get("extensions", {}).get(EXTENSION)
    return found if isinstance(found, SocketExtension) else SocketExtension()


def text_frame(text: str) -> bytes:
    """An unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
    data = text.encode()
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", TEXT_FRAME, size)
    elif size < 65_536:
        head = struct.pack("!BBH", TEXT_FRAME, 126, size)
    else:
        head = struct.pack("!BBQ", TEXT_FRAME, 127, size)
    return head + data


class TwinSocket(WebSocketsSansIOProtocol):
    """One connection; ``limits`` may change while the twin runs and hold for connections made after."""

    limits = ConnectionLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ping_interval, self.ping_timeout = self.limits.ping_interval_s, self.limits.pong_timeout_s
        self.extension = SocketExtension(self.send_texts)

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), EXTENSION: self.extension}
        self.scope["extensions"] = extensions
        await super().run_asgi()

    def handle_ping(self) -> None:
        if not self.close_sent:
            super().handle_ping()
            self.extension.arrived()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        self.extension.arrived()

    async def send_texts(self, texts: list[str]) -> None:
        """Send messages of an accepted connection. Raises ClientDisconnected when it is gone."""
        frames: list[bytes] = []
        size = 0
        for text in texts:
            frames.append(text_frame(text))
            size += len(frames[-1])
            if size >= WRITE_BYTES:
                await self._write(frames)
                frames, size = [], 0
        if frames:
            await self._write(frames)

    async def _write(self, frames: list[bytes]) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        if not self.close_sent:
            self.transport.write(b"".join(frames))

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self.conn.fail(INVALID_TEXT, "invalid UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """End the connection of a client that broke the protocol: it reads why, even while it is still sending.

        To close a socket on which something unread is waiting resets it, and the close frame would be lost. So only
        the twin's own side is closed, and what still comes is thrown away (RFC 6455, section 7.1.1).
        """
        if self.close_sent or self.conn.close_sent is None:
            return
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():  # TLS cannot close one side alone
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def keepalive_timeout(self) -> None:
        """The client did not answer a ping in time."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(POLICY_VIOLATION, "Pong timeout")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()


def socket_protocol(limits: ConnectionLimits) -> type[TwinSocket]:
    """The protocol class of one twin."""
    return type("LimitedSocket", (TwinSocket,), {"limits": limits})


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
