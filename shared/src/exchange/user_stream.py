"""Our own supervisor of the user data stream: Binance's WebSocket API, subscribed by signature.

It connects, subscribes, watches pings, renews the connection before the exchange's 24 h limit, and reconnects with
backoff and jitter. Nothing is replayed by the exchange after a break, so every subscription is followed by the
caller's reconciliation over REST. Events that arrive meanwhile wait; they are handled one at a time, in order.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, RootTradingError, TransientError
from shared.src.exchange.proxies import websocket_proxy
from shared.src.exchange.verdict import Refusal, refusal_of
from shared.src.retry import Backoff

logger = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 10.0
PING_EVERY_S = 20.0
PONG_WITHIN_S = 20.0
LIFE_S_MAX = 23 * 3600.0
LIVED_S = 60.0
BACKOFF = Backoff(first_s=0.25, max_s=20.0)

Connect = Callable[..., AbstractAsyncContextManager[ClientConnection]]
OnEvent = Callable[[dict[str, Any]], Awaitable[None]]
OnConnected = Callable[[], Awaitable[None]]
MayConnect = Callable[[], Awaitable[None]]


class UserStream:
    """Runs until cancelled. ``connected`` tells whether events arrive right now, ``is_complete`` whether what happened
    before they did was learnt too.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        on_event: OnEvent,
        on_connected: OnConnected,
        timestamp_ms: Callable[[], int] | None = None,
        connect: Connect = connect,
        may_connect: MayConnect | None = None,
    ) -> None:
        """``may_connect`` counts an attempt, or raises TransientError while the exchange would refuse it."""
        self._settings = settings
        self._clock = clock
        self._timestamp_ms = timestamp_ms or clock.now_ms
        self._connect = connect
        self._may_connect = may_connect
        self._on_event = on_event
        self._on_connected = on_connected
        self.connected = False
        self.is_complete = False
        self.connections = 0
        self.reason = "not connected yet"

    async def run(self) -> None:
        """Keep the stream alive; only a refused key ends it.

        Raises:
            RejectedError: the exchange refuses the key (-2014, -2015) or the signature (-1022).
        """
        failures = 0
        while True:
            began_at = self._clock.monotonic()
            try:
                if self._may_connect is not None:
                    await self._may_connect()
                await self._connection()
            except (OSError, TimeoutError, WebSocketException, ContractError, TransientError) as error:
                self.reason = _reason(error)
                logger.warning("user stream interrupted", extra={"reason": self.reason})
            finally:
                self.connected = self.is_complete = False
            # one that breaks again and again is no success, however often it was made
            failures = 1 if self._clock.monotonic() - began_at >= LIVED_S else failures + 1
            delay = BACKOFF.after(failures)
            await self._clock.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311  jitter, no secret

    async def _connection(self) -> None:
        url = self._settings.ws_api_url
        logger.info("user stream connecting", extra={"host": urlsplit(url).netloc})
        async with self._connect(
            url,
            proxy=websocket_proxy(url),
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PONG_WITHIN_S,
            close_timeout=2,
            max_queue=4096,
        ) as socket:
            await self._subscribe(socket)
            self.connected, self.reason = True, ""
            self.connections += 1
            await self._on_connected()
            self.is_complete = True
            try:
                async with asyncio.timeout(LIFE_S_MAX):
                    await self._read(socket)
            except TimeoutError:
                logger.info("user stream renewed", extra={"after_s": LIFE_S_MAX})

    async def _read(self, socket: ClientConnection) -> None:
        async for raw in socket:
            frame = _parse(raw)
            event = frame.get("event")
            if event is None:
                if frame.get("status", 200) != 200:
                    raise TransientError(f"stream refused: {self._told(frame)}")
                continue
            if event.get("e") in {"serverShutdown", "eventStreamTerminated"}:
                raise TransientError(f"stream ended by the exchange: {event.get('e')}")
            await self._on_event(event)

    async def _subscribe(self, socket: ClientConnection) -> None:
        await socket.send(orjson.dumps(self._request()).decode())
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answer = _parse(await socket.recv())
        if answer.get("status") != 200:
            refusal = self._told(answer)
            code, message = refusal.code, f"user stream not subscribed: {refusal.code} {refusal.message}"
            if code in {-2014, -2015, -1022}:
                raise RejectedError(message, code=code)
            raise TransientError(message)

    def _told(self, frame: dict[str, Any]) -> Refusal:
        """What a frame that is an error says, as far as it may be told."""
        keys = (self._settings.binance_api_key, self._settings.binance_secret_key)
        hidden = [key.get_secret_value() for key in keys]
        return refusal_of(0, orjson.dumps(frame.get("error")), hidden=hidden)

    def _request(self) -> dict[str, Any]:
        params = {
            "apiKey": self._settings.binance_api_key.get_secret_value(),
            "recvWindow": str(self._settings.recv_window_ms),
            "timestamp": str(self._timestamp_ms()),
        }
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        secret = self._settings.binance_secret_key.get_secret_value().encode()
        signature = hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()
        numbers = {name: int(params[name]) for name in ("recvWindow", "timestamp")}
        return {
            "id": f"sub-{self.connections + 1}",
            "method": "userDataStream.subscribe.signature",
            "params": params | numbers | {"signature": signature},
        }


def _reason(error: Exception) -> str:
    """What may be told of an interruption: our own words; of a library's error its kind, it may hold what was sent."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, RootTradingError) else name


def _parse(raw: str | bytes) -> dict[str, Any]:
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ContractError("not JSON on the user stream") from error
    if not isinstance(frame, dict):
        raise ContractError("a user stream frame is an object")
    return frame
