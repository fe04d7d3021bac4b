"""How WebSocket connections live on the wire: Binance's pings, its patience, and every frame that counts as a message.

Binance pings every 20 s, gives a client a minute to answer, and counts a client's own pings and pongs like messages.
uvicorn answers control frames by itself; `Frames` lets the door that serves the connection know of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

EXTENSION = "twin.frames"
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


@dataclass(slots=True)
class Frames:
    """Tells a listener of each ping or pong of the client, those before it listened included."""

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


def control_frames(websocket: WebSocket) -> Frames:
    """Where a connection tells of its control frames; one that never does on other servers (tests)."""
    found = websocket.scope.get("extensions", {}).get(EXTENSION)
    return found if isinstance(found, Frames) else Frames()


def socket_protocol(limits: ConnectionLimits) -> type[WebSocketsSansIOProtocol]:
    """The protocol class of a twin; `limits` may change while it runs and hold for connections made after."""

    class TwinSocket(WebSocketsSansIOProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.ping_interval, self.ping_timeout = limits.ping_interval_s, limits.pong_timeout_s
            self.control_frames = Frames()

        async def run_asgi(self) -> None:
            extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), EXTENSION: self.control_frames}
            self.scope["extensions"] = extensions
            await super().run_asgi()

        def handle_ping(self) -> None:
            super().handle_ping()
            self.control_frames.arrived()

        def handle_pong(self, event: Frame) -> None:
            super().handle_pong(event)
            self.control_frames.arrived()

        def send_receive_event_to_app(self) -> None:
            if self.curr_msg_data_type == "text" and not _is_text(self.frames):
                self.conn.fail(INVALID_TEXT, "invalid UTF-8")
                self.handle_parser_exception()
                return
            super().send_receive_event_to_app()

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

    return TwinSocket


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
