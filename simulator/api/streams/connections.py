"""A WebSocket connection from its request to its end: who may connect, what is sent, and when it is over."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulator.api.state import TwinState
from simulator.api.streams.hub import GOING_AWAY, Connection
from simulator.api.streams.sockets import ConnectionLimits, extension_of
from simulator.engine.errors import ApiError

# How long a connection that is to be closed may take to read what is left
FAREWELL_S = 2.0


@dataclass(slots=True)
class Attempts:
    """Connections opened per address in the last five minutes."""

    seen: dict[str, deque[float]] = field(default_factory=dict)

    def allow(self, address: str, limit: int, now_s: float) -> bool:
        """Count an attempt; False when it is one too many."""
        times = self.seen.setdefault(address, deque())
        while times and times[0] <= now_s - 300:
            times.popleft()
        times.append(now_s)
        return len(times) <= limit


async def admit(
    websocket: WebSocket, address: str, attempts: Attempts, limits: ConnectionLimits, state: TwinState, now_s: float
) -> bool:
    """Refuse a connection of an address that is banned (418) or opens too many (429); says whether it may come in."""
    try:
        state.limits.check_ban(address, state.limits_ms())
        if not attempts.allow(address, limits.attempts_5m, now_s):
            raise ApiError(-1003, "Too many connection attempts.", http_status=429, headers={"Retry-After": "300"})
    except ApiError as error:
        response = JSONResponse(error.body(), error.http_status, error.headers)
        await websocket.send_denial_response(response)
        return False
    return True


async def pump(websocket: WebSocket, connection: Connection) -> None:
    """Send what is in the outbox until the connection is to be closed."""
    send_texts = extension_of(websocket).send_texts
    while True:
        texts = await connection.take()
        if send_texts is not None:
            await send_texts(texts)
        else:
            for text in texts:
                await websocket.send_text(text)
        if connection.close_code is not None:
            return


async def converse(websocket: WebSocket, connection: Connection, listen: Callable[[], Any], life_s: float) -> None:
    """Run a connection until the client leaves, the twin closes it, or it is too old."""
    listener = asyncio.ensure_future(listen())
    sender = asyncio.ensure_future(pump(websocket, connection))
    closing = asyncio.ensure_future(connection.wait_closed())
    tasks = {listener, sender, closing}
    try:
        await asyncio.wait(tasks, timeout=life_s, return_when=asyncio.FIRST_COMPLETED)
        left = listener.done()
        connection.close(GOING_AWAY, "")
        if not left:
            await asyncio.wait({sender}, timeout=FAREWELL_S)
            if sender.done() and sender.exception() is None:
                code, reason = connection.close_code or GOING_AWAY, connection.close_reason
                await asyncio.wait_for(websocket.close(code, reason), FAREWELL_S)
    except (WebSocketDisconnect, RuntimeError, TimeoutError):
        return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
