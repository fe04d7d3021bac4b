"""The WebSocket API door, ``/ws-api/v3``: every REST call by its method name, sessions, and user data subscriptions.

Signatures are verified over the parameters as the client wrote them: numbers keep their digits, names are sorted,
nothing is percent-encoded. A session needs an Ed25519 key, as on Binance; signed requests work with any key.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.websockets import WebSocket

from simulator.api.auth import ApiKey, verify
from simulator.api.calls import Call, Endpoint, Security, check_permission, check_timing, in_microseconds, perform
from simulator.api.errors import bad_key, bad_key_format, bad_signature, bad_time_unit, timed_out
from simulator.api.limits import limit_on_demand
from simulator.api.params import Params, missing
from simulator.api.state import Fault, TwinState
from simulator.api.streams.hub import Connection, render
from simulator.api.streams.sockets import ConnectionLimits
from simulator.api.streams.streams import Attempts, admit, converse
from simulator.api.streams.user_stream import UserStreams
from simulator.engine.errors import ApiError

CONNECT_WEIGHT = 2
ABNORMAL = 1011
FLAGS = ("returnRateLimits",)
# Digits and sign of the longest number an id can be
ID_DIGITS_MAX = 20

Answer = dict[str, Any]


@dataclass
class Session:
    """What the twin knows of one connection."""

    connection: Connection
    address: str
    connected_ms: int
    return_limits: bool = True
    key: ApiKey | None = None
    authorized_ms: int | None = None
    logon_subscription: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request frame. ``values`` are its parameters as the client wrote them; ``return_limits`` is None when the
    frame leaves it to the connection."""

    number: Any
    method: str
    values: Mapping[str, str]
    return_limits: bool | None

    @property
    def params(self) -> Params:
        """What the call itself reads: a wish about the answer is not among it."""
        return Params({name: value for name, value in self.values.items() if name not in FLAGS})


def parse_request(text: str | bytes) -> Request:
    """Read a frame. Raises ApiError -1135 for what is no request."""
    try:
        frame = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
        # half a surrogate pair is no text that could be answered
        json.dumps(frame, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(-1135, "JSON sent is not valid.") from error
    if not isinstance(frame, dict):
        raise ApiError(-1135, "JSON sent is not a request.")
    number = frame.get("id")
    if isinstance(number, _Number) and number.removeprefix("-").isdigit() and len(number) <= ID_DIGITS_MAX:
        number = int(number)
    is_text = isinstance(number, str) and not isinstance(number, _Number) and len(number) <= 36
    is_number = isinstance(number, int) and not isinstance(number, bool) and -(2**63) <= number < 2**63
    if not (number is None or is_text or is_number):
        raise ApiError(
            -1135, "Invalid 'id' in JSON request; expected a string up to 36 characters, an integer or null."
        )
    method, params = frame.get("method"), frame.get("params", {})
    if not isinstance(method, str) or isinstance(method, _Number):
        raise RequestError(number, ApiError(-1135, "Invalid 'method' in JSON request; expected a string."))
    if not isinstance(params, dict):
        raise RequestError(number, ApiError(-1135, "Invalid 'params' in JSON request; expected an object."))
    values = {name: _text(value) for name, value in params.items() if value is not None}
    wish = values.get("returnRateLimits")
    wanted = None if wish is None else wish.lower() != "false"
    return Request(number, method.removeprefix("v3/"), values, wanted)


class RequestError(Exception):
    """A frame that could be read far enough to know which request it was."""

    def __init__(self, number: Any, error: ApiError) -> None:
        super().__init__(error.message)
        self.number = number
        self.error = error


class _Number(str):
    """A JSON number as it was written, told apart from text."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    return json.dumps(value, separators=(",", ":"))


def signing_payload(values: Mapping[str, str]) -> bytes:
    """What a WebSocket API signature signs."""
    pairs = sorted((name, value) for name, value in values.items() if name != "signature")
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


class WsApiDoor:
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
        self._sessions: dict[str, Callable[[Session, Request], Any]] = {
            "session.logon": self._logon,
            "session.status": self._status,
            "session.logout": self._logout,
            "session.subscriptions": self._subscriptions,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }

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
        self._users.join(session.connection, lambda: self._revoke(session))
        try:
            self._check_unit(query)
            self._state.limits.charge(address, CONNECT_WEIGHT, self._state.limits_ms())
        except ApiError as error:
            session.connection.put(render(self._refusal(None, error, session, None)))
        try:
            await converse(websocket, session.connection, lambda: self._listen(websocket, session), self._limits.life_s)
        finally:
            self._users.leave(session.connection)

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
        """Answer one frame; a fault may make the answer late, wrong or nothing."""
        try:
            request = parse_request(text)
        except RequestError as error:
            session.connection.put(render(self._refusal(error.number, error.error, session, None)))
            return
        except ApiError as error:
            session.connection.put(render(self._refusal(None, error, session, None)))
            return
        key = self._state.keys.get(request.values.get("apiKey", "")) or session.key
        fault = await self._state.fault(
            request.method, request.values.get("symbol"), key.account if key is not None else None
        )
        if fault is None:
            session.connection.put(render(self._answer(session, request)))
            return
        task = asyncio.ensure_future(self._answer_badly(session, request, fault))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _answer(self, session: Session, request: Request) -> Answer:
        endpoint = self._endpoints.get(request.method)
        try:
            result = self._work(session, request, endpoint)
        except ApiError as error:
            return self._refusal(request.number, error, session, request)
        if session.connection.unit == 1000:
            result = in_microseconds(result)
        answer: Answer = {"id": request.number, "status": 200, "result": result}
        return self._with_limits(answer, session, request)

    def _refusal(self, number: Any, error: ApiError, session: Session, request: Request | None) -> Answer:
        body = in_microseconds(error.body()) if session.connection.unit == 1000 else error.body()
        if error.http_status in (418, 429) and "data" not in body:
            now = self._state.clock.now_ms()
            wait_s = int(error.headers.get("Retry-After", "0"))
            body["data"] = {"serverTime": now, "retryAfter": now + wait_s * 1000}
        answer: Answer = {"id": number, "status": error.http_status, "error": body}
        return self._with_limits(answer, session, request)

    def _with_limits(self, answer: Answer, session: Session, request: Request | None) -> Answer:
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
        own = self._sessions.get(request.method)
        if own is not None:
            state.limits.charge(session.address, CONNECT_WEIGHT, state.limits_ms())
            return own(session, request)
        if endpoint is None:
            raise ApiError(-1020, "This operation is not supported.")
        params = request.params
        weight = endpoint.weighs(params, state)
        state.limits.charge(session.address, weight, state.limits_ms())
        call = Call(state, endpoint, params, state.clock.now_ms())
        if endpoint.security is not Security.NONE:
            key = self._signer(session, request)
            call.signing_key = key
            check_permission(endpoint, key)
            call.signer = state.exchange.account(key.account)
        endpoint.check_params(params)
        result = perform(call)
        if endpoint.free:
            state.limits.refund(session.address, weight, state.limits_ms())
        return result

    def _signer(self, session: Session, request: Request) -> ApiKey:
        """Whose request this is. Raises ApiError when its key, time or signature is not right."""
        values = request.values
        if "apiKey" not in values and session.key is not None:
            check_timing(self._state, Params(dict(values)))
            return session.key
        return self._verified(values)

    def _verified(self, values: Mapping[str, str]) -> ApiKey:
        for name in ("apiKey", "signature"):
            if not values.get(name):
                raise missing(name)
        if len(values["apiKey"]) != 64:
            raise bad_key_format()
        key = self._state.keys.get(values["apiKey"])
        if key is None:
            raise bad_key()
        check_timing(self._state, Params(dict(values)))
        if not verify(key, signing_payload(values), values["signature"]):
            raise bad_signature()
        return key

    def _revoke(self, session: Session) -> None:
        """The key of a session does not exist any more: the client is told once."""
        if session.key is None:
            return
        session.key, session.authorized_ms, session.logon_subscription = None, None, None
        answer = {"id": None, "status": 401, "error": bad_key().body()}
        session.connection.put(render(answer))

    # -- sessions ---------------------------------------------------------------------------------------------------

    def _logon(self, session: Session, request: Request) -> Answer:
        key = self._state.keys.get(request.values.get("apiKey", ""))
        if key is not None and key.key_type != "ED25519":
            raise ApiError(
                -4056, f"{'HMAC_SHA256' if key.key_type == 'HMAC' else key.key_type} API key is not supported."
            )
        session.key = self._verified(request.values)
        session.authorized_ms = self._state.clock.now_ms()
        return self._status(session, request)

    def _status(self, session: Session, request: Request) -> Answer:
        return {
            "apiKey": session.key.api_key if session.key is not None else None,
            "authorizedSince": session.authorized_ms,
            "connectedSince": session.connected_ms,
            "returnRateLimits": session.return_limits,
            "serverTime": self._state.clock.now_ms(),
            "userDataStream": session.logon_subscription is not None,
        }

    def _logout(self, session: Session, request: Request) -> Answer:
        if session.logon_subscription is not None:
            self._users.end(session.connection, session.logon_subscription)
        session.key, session.authorized_ms, session.logon_subscription = None, None, None
        return self._status(session, request)

    def _subscriptions(self, session: Session, request: Request) -> list[Answer]:
        return [{"subscriptionId": number} for number in self._users.subscriptions(session.connection)]

    def _subscribe(self, session: Session, request: Request) -> Answer:
        if session.key is None:
            raise bad_key()
        session.logon_subscription = self._users.subscribe(session.connection, session.key.account)
        return {"subscriptionId": session.logon_subscription}

    def _subscribe_signed(self, session: Session, request: Request) -> Answer:
        key = self._verified(request.values)
        return {"subscriptionId": self._users.subscribe(session.connection, key.account)}

    def _unsubscribe(self, session: Session, request: Request) -> Answer:
        number = request.params.integer("subscriptionId")
        self._users.unsubscribe(session.connection, number)
        if number is None or number == session.logon_subscription:
            session.logon_subscription = None
        return {}

    # -- bad days ---------------------------------------------------------------------------------------------------

    async def _answer_badly(self, session: Session, request: Request, fault: Fault) -> None:
        """Answer under a fault; kinds and their meaning are those of ``Fault``."""
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
                connection.put(render(answer))
            case "delay_answer":
                await asyncio.sleep(wait_s)
                connection.put(render(answer))
            case "malformed":
                text = render(answer)
                connection.put(text[: len(text) // 2])
            case "drop_answer" | "drop_request":
                connection.close(ABNORMAL, "")
            case _:
                if fault.kind == "error" and params.get("after"):
                    self._answer(session, request)
                error = _fault_error(fault, self._state.limits_ms())
                connection.put(render(self._refusal(request.number, error, session, request)))


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
