"""The live side of the dashboard: one upstream subscription for all, a bounded queue for each client.

A client that cannot keep up is let go (close code 1013) and comes back by itself; it never slows the others or grows
the memory. Candles and prices are joined to what a screen can show (ten and four frames a second); a closed candle
is never left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from prometheus_client import Counter, Gauge

from shared.src.domain.clock import Clock

logger = logging.getLogger(__name__)

QUEUE_MAX = 256
CLIENTS_MAX = 200
CHANNELS_MAX = 100
COMMAND_CHARS_MAX = 1000
HEARTBEAT_S = 2.0

TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008

CHANNEL = re.compile(
    r"market:[A-Z0-9]{3,20}:(1m|3m|5m|15m|1h|4h|1d)|ticker:(\*|[A-Z0-9]{3,20})|signals|trades|cycles|balances|health"
)

CLIENTS = Gauge("roottrading_dashboard_clients", "connected dashboards")
DROPPED = Counter("roottrading_dashboard_clients_dropped", "dashboards let go because they could not keep up")

Watch = Callable[[str], Awaitable[None]]


class Client:
    """One connected dashboard."""

    def __init__(self) -> None:
        self.channels: set[str] = set()
        self.queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_MAX)
        self.too_slow = asyncio.Event()

    def offer(self, frame: str) -> None:
        """Hand over a frame; a full queue ends the client instead of losing a frame in silence."""
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.too_slow.set()


class ClientHub:
    """Who reads which channel. Feeds publish into it; it encodes a frame once, however many read it."""

    def __init__(self, clock: Clock, *, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self._clients: set[Client] = set()
        self._readers: dict[str, set[Client]] = {}
        self._on_first: list[Watch] = []

    def on_first_reader(self, watch: Watch) -> None:
        """Call ``watch(channel)`` when a channel gets its first reader."""
        self._on_first.append(watch)

    @property
    def clients(self) -> int:
        return len(self._clients)

    @property
    def channels(self) -> dict[str, int]:
        return {channel: len(readers) for channel, readers in sorted(self._readers.items())}

    def has_readers(self, channel: str) -> bool:
        return channel in self._readers

    def join(self) -> Client | None:
        """A new client, or None when the house is full."""
        if len(self._clients) >= CLIENTS_MAX:
            return None
        client = Client()
        self._clients.add(client)
        CLIENTS.set(len(self._clients))
        client.offer(self._frame("connection", None, {"status": "connected"}))
        client.offer(self._heartbeat())
        return client

    def leave(self, client: Client) -> None:
        for channel in list(client.channels):
            self._unsubscribe(client, channel)
        self._clients.discard(client)
        CLIENTS.set(len(self._clients))

    def publish(self, channel: str, data: Any) -> None:
        """Send to everyone who reads the channel."""
        readers = self._readers.get(channel)
        if readers:
            frame = self._frame("update", channel, data)
            for client in readers:
                client.offer(frame)

    async def command(self, client: Client, text: str) -> None:
        """Do what a client asks: ``{"action": "subscribe" | "unsubscribe", "channel": ...}``."""
        problem = await self._obey(client, text)
        if problem:
            client.offer(self._frame("error", None, {"detail": problem}))

    async def beat(self) -> None:
        """Tell every client the market time now and then; a client that hears nothing knows that it is cut off."""
        while True:
            await self._clock.sleep(HEARTBEAT_S)
            frame = self._heartbeat()
            for client in self._clients:
                client.offer(frame)

    async def _obey(self, client: Client, text: str) -> str:
        if len(text) > COMMAND_CHARS_MAX:
            return f"a command has at most {COMMAND_CHARS_MAX} characters"
        try:
            command = orjson.loads(text)
        except orjson.JSONDecodeError:
            return "a command is JSON"
        if not isinstance(command, dict):
            return "a command is a JSON object"
        action, channel = command.get("action"), command.get("channel")
        if not isinstance(channel, str) or not CHANNEL.fullmatch(channel):
            return f"there is no channel {channel!r}"
        match action:
            case "subscribe":
                return await self._subscribe(client, channel)
            case "unsubscribe":
                self._unsubscribe(client, channel)
                return ""
            case _:
                return f"there is no action {action!r}; subscribe and unsubscribe are"

    async def _subscribe(self, client: Client, channel: str) -> str:
        if len(client.channels) >= CHANNELS_MAX:
            return f"a client reads at most {CHANNELS_MAX} channels"
        is_first = channel not in self._readers
        client.channels.add(channel)
        self._readers.setdefault(channel, set()).add(client)
        client.offer(self._frame("subscription", channel, {"status": "subscribed"}))
        if is_first:
            for watch in self._on_first:
                await watch(channel)
        return ""

    def _unsubscribe(self, client: Client, channel: str) -> None:
        client.channels.discard(channel)
        readers = self._readers.get(channel)
        if readers is not None:
            readers.discard(client)
            if not readers:
                del self._readers[channel]

    def _heartbeat(self) -> str:
        return self._frame("heartbeat", None, {"market_ms": self._clock.now_ms(), "speed": self._speed})

    def _frame(self, kind: str, channel: str | None, data: Any) -> str:
        frame: dict[str, Any] = {"type": kind, "data": data, "timestamp": self._clock.now().isoformat()}
        if channel is not None:
            frame["channel"] = channel
        return orjson.dumps(frame, default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"cannot be sent: {type(value).__name__}")


def live_routes(hub: ClientHub) -> APIRouter:
    """``/ws/live`` and its documented alias ``/ws/charts/{client_id}``."""
    router = APIRouter()

    @router.websocket("/ws/live")
    async def live(websocket: WebSocket) -> None:
        await _attend(hub, websocket)

    @router.websocket("/ws/charts/{client_id}")
    async def charts(websocket: WebSocket, client_id: str) -> None:
        logger.debug("dashboard by its older address", extra={"client_id": client_id[:64]})
        await _attend(hub, websocket)

    return router


def is_same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a browser's page may read: pages of other sites may not. Other programs send no origin."""
    return origin is None or urlsplit(origin).netloc == host


async def _attend(hub: ClientHub, websocket: WebSocket) -> None:
    if not is_same_origin(websocket.headers.get("origin"), websocket.headers.get("host")):
        await websocket.close(POLICY_VIOLATION, "pages of other sites are not served")
        return
    await websocket.accept()
    client = hub.join()
    if client is None:
        await websocket.close(TRY_AGAIN_LATER, "too many dashboards")
        return
    tasks: Final = [
        asyncio.create_task(_receive(hub, client, websocket)),
        asyncio.create_task(_send(client, websocket)),
        asyncio.create_task(client.too_slow.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if client.too_slow.is_set():
            DROPPED.inc()
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await websocket.close(TRY_AGAIN_LATER, "too slow")
    finally:
        hub.leave(client)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _receive(hub: ClientHub, client: Client, websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        async for text in websocket.iter_text():
            await hub.command(client, text)


async def _send(client: Client, websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text(await client.queue.get())
