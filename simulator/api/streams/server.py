"""Market streams: ``/ws/<stream>[/<stream>...]``, ``/stream?streams=a/b``, and SUBSCRIBE on an open connection.

Unknown stream names are accepted and never feed anything, as on Binance. More than five messages a second (pings and
pongs count), or reading too slowly, ends the connection; so does its age. An address that is cut off again and again is
banned.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from starlette.websockets import WebSocket

from simulator.api.state import TwinState
from simulator.api.streams.connections import Attempts, admit, converse
from simulator.api.streams.hub import POLICY_VIOLATION, Connection, Hub, render
from simulator.api.streams.sockets import ConnectionLimits, extension_of

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class MessageRate:
    """Counts a client's messages over the last second."""

    def __init__(self, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._times: deque[float] = deque()

    def exceeded(self) -> bool:
        """Count a message; True when it is one too many."""
        now = self._monotonic()
        while self._times and self._times[0] <= now - 1:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > self._limit


def requested(path: str, query: str) -> tuple[list[str], bool, int]:
    """What a URL asks for: stream names, whether messages are wrapped, and the time unit's factor."""
    # a plus is a plus here: btcusdt@kline_1d@+08:00
    parameters = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    unit = 1000 if parameters.get("timeUnit", "").upper() == "MICROSECOND" else 1
    head, _, rest = path.lstrip("/").partition("/")
    combined = head == "stream"
    listed = parameters.get("streams", "") if combined else unquote(rest)
    return [name for name in listed.split("/") if name], combined, unit


class MarketStreams:
    """Serves market stream connections out of a hub."""

    def __init__(
        self, hub: Hub, limits: ConnectionLimits, state: TwinState, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self.limits = limits
        self._state = state
        self._attempts = Attempts()
        self._monotonic = monotonic

    async def serve(self, websocket: WebSocket) -> None:
        """Take one connection from its request to its end."""
        address = websocket.client.host if websocket.client else ""
        if not await admit(websocket, address, self._attempts, self.limits, self._state, self._monotonic()):
            return
        names, combined, unit = requested(websocket.url.path, websocket.url.query)
        await websocket.accept()
        connection = Connection(combined=combined, unit=unit, outbox=self.limits.outbox_messages)
        self._hub.join(connection)
        if len(names) > self.limits.streams:
            connection.close(POLICY_VIOLATION, "too many streams")
        else:
            self._hub.subscribe(connection, names)
        try:
            await converse(
                websocket, connection, lambda: self._listen(websocket, connection, address), self.limits.life_s
            )
        finally:
            self._hub.leave(connection)

    async def _listen(self, websocket: WebSocket, connection: Connection, address: str) -> None:
        rate = MessageRate(self.limits.messages_per_second, self._monotonic)

        def count() -> None:
            if rate.exceeded() and connection.close_code is None:
                connection.close(POLICY_VIOLATION, "Too many requests")
                self._state.limits.cut_off(address, self._state.limits_ms())

        extension_of(websocket).listen(count)
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            count()
            if connection.close_code is None:
                answer = self.answer(connection, message.get("text") or message.get("bytes") or "")
                connection.put(render(answer))

    def answer(self, connection: Connection, text: str | bytes) -> dict[str, Any]:
        """Carry out one control frame; returns what the client is told."""
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return {"code": 3, "msg": f"Invalid JSON: {error.msg} at line {error.lineno} column {error.colno}"}
        if not isinstance(request, dict):
            return {"code": 2, "msg": "Invalid request: expected an object"}
        number = request.get("id")
        if not _is_request_id(number):
            return {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"}
        method, params = request.get("method"), request.get("params", [])
        if method is None:
            return {"code": 2, "msg": "Invalid request: missing field `method`", "id": number}
        if method not in METHODS:
            expected = ", ".join(f"`{name}`" for name in METHODS)
            return {
                "code": 2,
                "msg": f"Invalid request: unknown variant `{method}`, expected one of {expected}",
                "id": number,
            }
        if not isinstance(params, list):
            return {"code": 2, "msg": "Invalid request: invalid type, expected a sequence", "id": number}
        return self._carry_out(connection, str(method), params, number)

    def _carry_out(self, connection: Connection, method: str, params: list[Any], number: Any) -> dict[str, Any]:
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(connection.streams), "id": number}
        if method == "GET_PROPERTY":
            refusal = _bad_property(params, 1)
            if refusal is not None:
                return {**refusal, "id": number}
            return {"result": connection.combined, "id": number}
        if method == "SET_PROPERTY":
            return _set_property(connection, params, number)
        if not all(isinstance(name, str) for name in params):
            return {"code": 2, "msg": "Invalid request: stream names must be strings", "id": number}
        if method == "UNSUBSCRIBE":
            self._hub.unsubscribe(connection, params)
        elif len({*connection.streams, *params}) > self.limits.streams:
            return {"code": 2, "msg": f"Invalid request: more than {self.limits.streams} streams", "id": number}
        else:
            self._hub.subscribe(connection, params)
        return {"result": None, "id": number}


def _bad_property(params: list[Any], most: int) -> dict[str, Any] | None:
    """What is wrong with the name of a property, if anything is."""
    if not params or not isinstance(params[0], str):
        return {"code": 2, "msg": "Invalid request: property name must be a string"}
    if len(params) > most:
        return {"code": 2, "msg": "Invalid request: too many parameters"}
    return {"code": 0, "msg": "Unknown property"} if params[0] != "combined" else None


def _set_property(connection: Connection, params: list[Any], number: Any) -> dict[str, Any]:
    refusal = _bad_property(params, 2)
    if refusal is not None:
        return {**refusal, "id": number}
    if len(params) < 2 or not isinstance(params[1], bool):
        return {"code": 1, "msg": "Invalid value type: expected Boolean", "id": number}
    connection.combined = params[1]
    return {"result": None, "id": number}


def _is_request_id(number: Any) -> bool:
    if number is None:
        return True
    if isinstance(number, str):
        return len(number) <= 36
    return isinstance(number, int) and not isinstance(number, bool) and -(2**63) <= number < 2**63
