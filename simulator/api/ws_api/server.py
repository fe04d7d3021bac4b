"""The WebSocket API, ``/ws-api/v3``: every REST call by its method name, sessions, and user data subscriptions.

A session needs an Ed25519 key, as on Binance; signed requests work with any key.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.websockets import WebSocket

from simulator.api.calls import Call, Endpoint, Security, check_permission, in_microseconds, perform
from simulator.api.errors import bad_time_unit, timed_out
from simulator.api.json_object import JsonObject
from simulator.api.limits import limit_on_demand
from simulator.api.state import Fault, TwinState
from simulator.api.streams.connections import Attempts, admit, converse
from simulator.api.streams.hub import POLICY_VIOLATION, Connection, render
from simulator.api.streams.sockets import ConnectionLimits
from simulator.api.streams.user_stream import UserStreams
from simulator.api.ws_api.request import Request, RequestError, parse_request
from simulator.api.ws_api.sessions import Session, Sessions
from simulator.engine.errors import ApiError

CONNECT_WEIGHT = 2
ABNORMAL = 1011
BANNED = 418
BAN_REASON = "IP banned"


class WebSocketApi:
    """Serves WebSocket API connections."""

    def __init__(
        self,
        state: TwinState,
        users: UserStreams,
        limits: ConnectionLimits,
        endpoints: Mapping[str, Endpoint],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._users = users
        self._limits = limits
        self._endpoints = endpoints
        self._attempts = Attempts()
        self._monotonic = monotonic
        self._late: set[asyncio.Task[None]] = set()
        self._sessions = Sessions(state, users)
        self._addresses: dict[Connection, str] = {}
        state.on_ban = self.disconnect

    def disconnect(self, address: str) -> None:
        """Close every connection of an address that is banned, once it has read what was said before."""
        for connection, known in list(self._addresses.items()):
            if known == address:
                connection.close(POLICY_VIOLATION, BAN_REASON)

    async def serve(self, websocket: WebSocket) -> None:
        """Take one connection from its request to its end."""
        address = websocket.client.host if websocket.client else ""
        if not await admit(websocket, address, self._attempts, self._limits, self._state, self._monotonic()):
            return
        query = dict(parse_qsl(websocket.url.query))
        await websocket.accept()
        unit = 1000 if query.get("timeUnit", "").upper() == "MICROSECOND" else 1
        session = Session(
            Connection(unit=unit, outbox=self._limits.outbox_messages),
            address,
            self._state.clock.now_ms(),
            return_limits=query.get("returnRateLimits", "true").lower() != "false",
        )
        self._users.join(session.connection, lambda: self._sessions.revoke(session))
        self._addresses[session.connection] = address
        try:
            self._check_unit(query)
            self._state.limits.charge(address, CONNECT_WEIGHT, self._state.limits_ms())
        except ApiError as error:
            self._send(session, self._refusal(None, error, session, None))
        try:
            await converse(websocket, session.connection, lambda: self._listen(websocket, session), self._limits.life_s)
        finally:
            self._users.leave(session.connection)
            del self._addresses[session.connection]

    def _send(self, session: Session, answer: JsonObject) -> None:
        """Queue an answer; one that says "banned" is the last (rules: IP limits)."""
        session.connection.put(render(answer))
        if answer["status"] == BANNED:
            session.connection.close(POLICY_VIOLATION, BAN_REASON)
            self._state.tell_ban(session.address)

    @staticmethod
    def _check_unit(query: Mapping[str, str]) -> None:
        if query.get("timeUnit", "MILLISECOND").upper() not in ("MILLISECOND", "MICROSECOND"):
            raise bad_time_unit()

    async def _listen(self, websocket: WebSocket, session: Session) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await self.handle(session, message.get("text") or message.get("bytes") or "")

    async def handle(self, session: Session, text: str | bytes) -> None:
        """JsonObject one frame; a fault may make the answer late, wrong or nothing."""
        try:
            request = parse_request(text)
        except RequestError as error:
            self._send(session, self._refusal(error.number, error.error, session, None))
            return
        except ApiError as error:
            self._send(session, self._refusal(None, error, session, None))
            return
        key = self._state.keys.get(request.values.get("apiKey", "")) or session.key
        fault = await self._state.fault(
            request.method, request.values.get("symbol"), key.account if key is not None else None
        )
        if fault is None:
            self._send(session, self._answer(session, request))
            return
        task = asyncio.ensure_future(self._answer_badly(session, request, fault))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _answer(self, session: Session, request: Request) -> JsonObject:
        endpoint = self._endpoints.get(request.method)
        try:
            result = self._work(session, request, endpoint)
        except ApiError as error:
            return self._refusal(request.number, error, session, request)
        if session.connection.unit == 1000:
            result = in_microseconds(result)
        answer: JsonObject = {"id": request.number, "status": 200, "result": result}
        return self._with_limits(answer, session, request)

    def _refusal(self, number: Any, error: ApiError, session: Session, request: Request | None) -> JsonObject:
        body = in_microseconds(error.body()) if session.connection.unit == 1000 else error.body()
        if error.http_status in (418, 429) and "data" not in body:
            now = self._state.clock.now_ms()
            wait_s = int(error.headers.get("Retry-After", "0"))
            body["data"] = {"serverTime": now, "retryAfter": now + wait_s * 1000}
        answer: JsonObject = {"id": number, "status": error.http_status, "error": body}
        return self._with_limits(answer, session, request)

    def _with_limits(self, answer: JsonObject, session: Session, request: Request | None) -> JsonObject:
        """Add the limits: the weight, and the order counts of the account on order calls."""
        wish = None if request is None else request.return_limits
        if session.return_limits if wish is None else wish:
            state = self._state
            endpoint = self._endpoints.get(request.method) if request is not None else None
            orders = endpoint is not None and endpoint.orders > 0
            key = session.key
            if request is not None and "apiKey" in request.values:
                key = state.keys.get(request.values["apiKey"])
            account = key.account if key is not None else None
            answer["rateLimits"] = state.limits.ws_rate_limits(
                session.address, account, state.limits_ms(), orders=orders
            )
        return answer

    def _work(self, session: Session, request: Request, endpoint: Endpoint | None) -> Any:
        state = self._state
        state.limits.enter(session.address, state.limits_ms())
        own = self._sessions.calls.get(request.method)
        if own is not None:
            state.limits.charge(session.address, CONNECT_WEIGHT, state.limits_ms())
            return own(session, request)
        if endpoint is None:
            raise ApiError(-1020, "This operation is not supported.")
        params = request.params
        weight = endpoint.weighs(params, state)
        state.limits.charge(session.address, weight, state.limits_ms())
        call = Call(state, endpoint, params, state.clock.now_ms(), by_websocket=True)
        if endpoint.security is not Security.NONE:
            key = self._sessions.signer(session, request)
            call.signing_key = key
            check_permission(endpoint, key)
            call.signer = state.exchange.account(key.account)
        endpoint.check_params(params)
        result = perform(call)
        if endpoint.free:
            state.limits.refund(session.address, weight, state.limits_ms())
        return result

    # -- bad days ---------------------------------------------------------------------------------------------------

    async def _answer_badly(self, session: Session, request: Request, fault: Fault) -> None:
        """JsonObject under a fault; kinds and their meaning are those of ``Fault``."""
        connection, params = session.connection, fault.params
        wait_s = float(params.get("ms", 0)) / 1000
        before = bool(params.get("before"))
        if fault.kind == "delay":
            await asyncio.sleep(wait_s)
        if fault.kind in ("delay", "delay_answer", "malformed", "drop_answer") or (
            fault.kind in ("timeout", "http_error") and not before
        ):
            answer = self._answer(session, request)
        else:
            answer = {}
        match fault.kind:
            case "delay":
                self._send(session, answer)
            case "delay_answer":
                await asyncio.sleep(wait_s)
                self._send(session, answer)
            case "malformed":
                text = render(answer)
                connection.put(text[: len(text) // 2])
            case "drop_answer" | "drop_request":
                connection.close(ABNORMAL, "")
            case _:
                if fault.kind == "error" and params.get("after"):
                    self._answer(session, request)
                error = _fault_error(fault, self._state.limits_ms())
                self._send(session, self._refusal(request.number, error, session, request))


def _fault_error(fault: Fault, now_ms: int) -> ApiError:
    params = fault.params
    match fault.kind:
        case "timeout":
            return timed_out()
        case "rate_limit" | "ban":
            return limit_on_demand(fault.kind, float(params["retry_after"]), now_ms)
        case "error":
            return ApiError(int(params["code"]), str(params["msg"]), http_status=int(params.get("status", 400)))
        case _:
            return ApiError(
                -1001,
                "Internal error; unable to process your request. Please try again.",
                http_status=int(params.get("status", 503)),
            )
