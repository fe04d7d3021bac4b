"""The REST API: every endpoint as a route, with keys, signatures, limits and faults in Binance's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from random import getrandbits

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.api.auth import ApiKey
from simulator.api.calls import (
    Call,
    Endpoint,
    Security,
    check_permission,
    check_timing,
    in_microseconds,
    perform,
)
from simulator.api.rest.account import ACCOUNT_ENDPOINTS
from simulator.api.rest.faults import after_work, before_work
from simulator.api.rest.market import MARKET_ENDPOINTS
from simulator.api.rest.sapi import SAPI_ENDPOINTS
from simulator.api.rest.tickers import TICKER_ENDPOINTS
from simulator.api.rest.trade import TRADE_ENDPOINTS
from simulator.api.rest.wallet import WALLET_ENDPOINTS
from simulator.api.rest.wire import (
    HTML_TYPE,
    ReceivedRequest,
    check_signature,
    find_key,
    html_response,
    json_response,
    key_text,
    read_wire,
    wants_microseconds,
)
from simulator.api.state import TwinState
from simulator.engine.errors import ApiError

ENDPOINTS: tuple[Endpoint, ...] = (
    *MARKET_ENDPOINTS,
    *TICKER_ENDPOINTS,
    *TRADE_ENDPOINTS,
    *ACCOUNT_ENDPOINTS,
    *SAPI_ENDPOINTS,
    *WALLET_ENDPOINTS,
)
WS_METHODS: dict[str, Endpoint] = {endpoint.ws: endpoint for endpoint in ENDPOINTS if endpoint.ws}
# User data streams by listenKey ended on 2026-02-20.
GONE_PATHS = ("/api/v3/userDataStream", "/sapi/v1/userDataStream", "/sapi/v1/userDataStream/isolated")
GONE_METHODS = ["POST", "PUT", "DELETE"]
BANNED = 418
StateSource = Callable[[], TwinState]


def _by_path() -> dict[str, dict[str, Endpoint]]:
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return by_path


def rest_routes(state: TwinState | StateSource) -> list[Route]:
    """The routes of REST. A function as ``state`` is asked on every request (the twin can be reset)."""
    source: StateSource = (lambda: state) if isinstance(state, TwinState) else state
    routes = [
        Route(path, PathHandler(source, table).handle, methods=list(table), name=path)
        for path, table in _by_path().items()
    ]
    gone = [Route(path, _gone, methods=GONE_METHODS) for path in GONE_PATHS]
    return [*routes, *gone]


class RestRouter:
    """Hands API calls to the handler of their path; a walk through all routes would cost more than placing an order.

    What is no API call goes to ``others``; an API call that does not exist is answered here, as JSON like every error.
    """

    def __init__(self, state: TwinState | StateSource, others: ASGIApp) -> None:
        source: StateSource = (lambda: state) if isinstance(state, TwinState) else state
        self._handlers = {path: PathHandler(source, table) for path, table in _by_path().items()}
        self._others = others
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["path"]) if scope["type"] == "http" else None
        if handler is not None and handler.knows(scope["method"]):
            response = await handler.handle(Request(scope, receive))
        elif scope["type"] == "http" and _is_unknown_call(scope["path"], scope["method"]):
            response = self._unknown(Request(scope, receive), 404 if handler is None else 405)
        else:
            await self._others(scope, receive, send)
            return
        await response(scope, receive, send)

    def _unknown(self, request: Request, status: int) -> Response:
        """The weight used stands in every answer (rules: headers), and every error is a code and a message, or a page
        for those who ask for pages."""
        state, path = self._source(), request.url.path
        error = ApiError(-5000, f"Path {path}, Method {request.method} is invalid", http_status=status)
        headers = {"x-mbx-uuid": _uuid()}
        if path.startswith("/api/"):
            headers |= _used_weight(state, _address(request), state.limits_ms())
        if HTML_TYPE in request.headers.get("accept", ""):
            return html_response(status, HTTPStatus(status).phrase, headers)
        return json_response(error.body(), status, headers)


def _is_unknown_call(path: str, method: str) -> bool:
    """Whether nothing answers: the ways that were removed have an answer of their own."""
    gone = path in GONE_PATHS and method in GONE_METHODS
    return path.startswith(("/api/", "/sapi/")) and method != "HEAD" and not gone


def _address(request: Request) -> str:
    return request.client.host if request.client else "local"


def _used_weight(state: TwinState, ip: str, now_ms: int) -> dict[str, str]:
    weight = str(state.limits.used_weight(ip, now_ms))
    return {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}


async def _gone(request: Request) -> Response:
    return html_response(410, "Gone")


@dataclass
class _RequestContext:
    """What is known of a request while it is answered."""

    state: TwinState
    endpoint: Endpoint
    ip: str
    # The time limits run on, when the request arrived
    now_ms: int
    wire: ReceivedRequest | None = None
    key: ApiKey | None = None
    weight: int = 0
    succeeded: bool = False
    # Whether times are answered in microseconds
    micro: bool = False

    @property
    def payer(self) -> str:
        """Who a SAPI call is charged to: the account, or the address."""
        return self.key.account if self.endpoint.sapi == "UID" and self.key is not None else self.ip

    def headers(self) -> dict[str, str]:
        state, now = self.state, self.now_ms
        headers = {"x-mbx-uuid": _uuid()}
        meter = self.endpoint.sapi
        if meter is not None:
            used = state.limits.used_sapi(meter, self.payer, self.endpoint.name, now)
            headers[f"X-SAPI-USED-{meter}-WEIGHT-1M"] = str(used)
        else:
            headers |= _used_weight(state, self.ip, now)
        if self.succeeded and self.endpoint.orders and self.key is not None:
            seconds, day = state.limits.order_counts(self.key.account, now)
            headers |= {"X-MBX-ORDER-COUNT-10S": str(seconds), "X-MBX-ORDER-COUNT-1D": str(day)}
        return headers


def _uuid() -> str:
    """A name for an answer; nobody has to be unable to guess it."""
    digits = f"{getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class PathHandler:
    """Answers the methods of one path."""

    def __init__(self, source: StateSource, table: dict[str, Endpoint]) -> None:
        self._source = source
        self._table = table

    def knows(self, method: str) -> bool:
        return method in self._table

    async def handle(self, request: Request) -> Response:
        endpoint = self._table["GET" if request.method == "HEAD" else request.method]
        state = self._source()
        context = _RequestContext(state, endpoint, _address(request), state.limits_ms())
        try:
            return await self._answer(context, request)
        except ApiError as error:
            if error.http_status == BANNED:
                state.tell_ban(context.ip)
            # half of a cancel-replace that failed may be an order
            context.succeeded = error.data is not None and error.data.get("newOrderResult") == "SUCCESS"
            body = in_microseconds(error.body()) if context.micro else error.body()
            return json_response(body, error.http_status, context.headers() | error.headers)

    async def _answer(self, context: _RequestContext, request: Request) -> Response:
        state, endpoint = context.state, context.endpoint
        state.limits.enter(context.ip, context.now_ms)
        head = dict(request.scope["headers"])
        context.wire = wire = await read_wire(request, head)
        context.micro, key = wants_microseconds(head), key_text(head)
        known = state.keys.get(key)
        fault = await state.fault(endpoint.name, wire.params.get("symbol"), known.account if known else None)
        if fault is not None:
            early = await before_work(fault, context.now_ms)
            if early is not None:
                return early
            # a fault may have taken its time
            context.now_ms = state.limits_ms()
        context.weight = endpoint.weighs(wire.params, state)
        if endpoint.sapi is None:
            state.limits.charge(context.ip, context.weight, context.now_ms)
        call = self._admit(context, key, wire)
        if endpoint.sapi is not None:
            state.limits.charge_sapi(endpoint.sapi, context.payer, endpoint.name, context.weight, context.now_ms)
        if fault is not None and fault.kind == "delay" and endpoint.security is not Security.NONE:
            self._check_again(context, call)
        answer = perform(call)
        context.succeeded = True
        if endpoint.free:
            state.limits.refund(context.ip, context.weight, context.now_ms)
        content = in_microseconds(answer) if context.micro else answer
        if fault is not None:
            late = await after_work(fault, content)
            if late is not None:
                return late
        return json_response(content, 200, context.headers())

    @staticmethod
    def _admit(context: _RequestContext, key: str, wire: ReceivedRequest) -> Call:
        """Check key, parameters, time and signature, in this order. Raises ApiError."""
        state, endpoint = context.state, context.endpoint
        call = Call(state, endpoint, wire.params, state.clock.now_ms())
        if endpoint.security is Security.NONE:
            endpoint.check_params(wire.params)
            return call
        context.key = call.signing_key = find_key(state, key)
        check_permission(endpoint, context.key)
        check_timing(state, wire.params)
        check_signature(context.key, wire)
        endpoint.check_params(wire.params)
        call.signer = state.exchange.account(context.key.account)
        return call

    @staticmethod
    def _check_again(context: _RequestContext, call: Call) -> None:
        """A delayed request is checked again right before the engine; that costs its order count."""
        call.now_ms = context.state.clock.now_ms()
        try:
            check_timing(context.state, call.params, again=True)
        except ApiError:
            if context.endpoint.orders:
                context.state.limits.count_orders(call.account.name, context.endpoint.orders, context.state.limits_ms())
            raise
