"""The trader's control API: Flask, served by waitress in a thread of its own.

It decides nothing: every call is handed to the trader's loop and the answer waited for, so the loop alone touches
orders and connections.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from waitress import create_server
from werkzeug.exceptions import HTTPException

from shared.src.domain.errors import OutcomeUnknownError, RejectedError, RootTradingError, TransientError
from shared.src.frame.auth import Principal, Scope
from shared.src.frame.service import Service, listen_on
from trader.src.api.control import TraderControl
from trader.src.api.models import CloseCycle, ClosePosition, ManualOrder, OrdersQuery, PauseRequest
from trader.src.api.openapi import ROUTES, document, page

logger = logging.getLogger(__name__)

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

THREADS = 16
ANSWER_S_MAX = 20.0
BODY_BYTES_MAX = 64 * 1024
KEY_LENGTH_MAX = 200


class RestApiServer:
    """Made on the loop it serves; ``run`` is a task of the service."""

    def __init__(self, service: Service, desk: TraderControl) -> None:
        self._service = service
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        settings = service.settings
        listener = listen_on(settings.bind_address, settings.port_of(service.name), "TRADER_PORT")
        self.port = listener.getsockname()[1]
        self._server = create_server(
            self._app(),
            sockets=[listener],
            threads=THREADS,
            ident="roottrading",
            clear_untrusted_proxy_headers=True,
            max_request_body_size=BODY_BYTES_MAX,
        )
        self._thread = threading.Thread(target=self._serve, name="rest", daemon=True)
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve until stopped; ends when the server's thread does."""
        self._thread.start()
        await self._ended.wait()

    async def stop(self) -> None:
        """Take no more calls; those under way finish."""
        await self._loop.run_in_executor(None, self._server.close)
        self._server.task_dispatcher.shutdown(timeout=2)

    def _serve(self) -> None:
        try:
            self._server.run()
        except OSError as error:
            logger.debug("listener closed", extra={"reason": str(error)})
        finally:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._ended.set)

    def _app(self) -> Flask:
        app = Flask("trader", static_folder=None)
        handlers: dict[str, Callable[..., Response]] = {
            "health": self._health,
            "diagnostic": self._diagnostic,
            "metrics": lambda: Response(generate_latest(), content_type=CONTENT_TYPE_LATEST),
            "orders": self._orders,
            "order": lambda order_id: self._answer(self._desk.order(order_id)),
            "positions": lambda: self._answer(self._listed("positions", self._desk.positions())),
            "balance": lambda: self._answer(self._desk.balance()),
            "prices": lambda: self._answer(self._desk.prices()),
            "price": lambda symbol: self._answer(self._desk.price(symbol.upper())),
            "stats": lambda: self._answer(self._desk.stats()),
            "pauses": lambda: self._answer(self._listed("pauses", self._desk.pauses())),
            "place": self._place,
            "cancel": lambda order_id: self._answer(self._desk.cancel(self._trader(), order_id)),
            "close_cycle": self._close_cycle,
            "close_symbol": self._close_symbol,
            "pause": lambda: self._answer(self._desk.pause(self._trader(), _body(PauseRequest))),
            "resume": lambda: self._answer(self._desk.resume(self._trader(), _body(PauseRequest))),
        }
        for route in ROUTES:
            handler = handlers[route.name]
            app.add_url_rule(route.flask_path, route.path + route.method, handler, methods=[route.method.upper()])
        app.add_url_rule("/openapi.json", "openapi", lambda: _json(document()))
        app.add_url_rule("/docs", "docs", lambda: Response(page(), content_type="text/html; charset=utf-8"))
        app.register_error_handler(RootTradingError, _refused)
        app.register_error_handler(ValidationError, _invalid)
        app.register_error_handler(HTTPException, _http_error)
        return app

    # Handing calls to the loop

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(ANSWER_S_MAX)
        except FutureTimeoutError as error:
            future.cancel()
            raise TransientError(f"no answer within {ANSWER_S_MAX:.0f} s") from error

    def _answer(self, work: Coroutine[Any, Any, dict[str, Any]], status: int = 200) -> Response:
        return _json(self._on_loop(work), status)

    def _trader(self) -> Principal:
        """Who calls; needs the scope trade."""
        return self._on_loop(self._desk.authorize(request.headers.get("Authorization"), Scope.TRADE))

    async def _listed(self, name: str, work: Coroutine[Any, Any, list[dict[str, Any]]]) -> dict[str, Any]:
        rows = await work
        return {name: rows, "count": len(rows)}

    # Handlers that read a body or a query

    def _health(self) -> Response:
        report = self._on_loop(self._service.health.report())
        return _json(report, 200 if report["status"] == "healthy" else 503)

    def _diagnostic(self) -> Response:
        return self._answer(self._service.diagnostic())

    def _orders(self) -> Response:
        query = OrdersQuery.model_validate(request.args.to_dict())
        return self._answer(self._listed("orders", self._desk.orders(query)))

    def _place(self) -> Response:
        principal = self._trader()
        order = _body(ManualOrder)
        key = request.headers.get("Idempotency-Key", "").strip() or None
        if key is not None and len(key) > KEY_LENGTH_MAX:
            raise RejectedError(f"Idempotency-Key is longer than {KEY_LENGTH_MAX} characters", code=422)
        return self._answer(self._desk.place(principal, order, key), 201)

    def _close_cycle(self, cycle_id: str) -> Response:
        principal = self._trader()
        return self._answer(self._desk.close_cycle(principal, cycle_id, _body(CloseCycle).reason))

    def _close_symbol(self) -> Response:
        principal = self._trader()
        return self._answer(self._desk.close_symbol(principal, _body(ClosePosition)))


def _body(model: type[B]) -> B:
    """The request's body; numbers keep their digits. No body counts as an empty object."""
    raw = request.get_data(cache=False) or b"{}"
    try:
        content = json.loads(raw, parse_float=Decimal)
    except ValueError as error:
        raise RejectedError(f"the body is not JSON: {error}", code=400) from error
    return model.model_validate(content)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, default=str), status=status, content_type="application/json")


def _refused(error: RootTradingError) -> Response:
    match error:
        case RejectedError():
            status = error.code if error.code is not None and 400 <= error.code < 500 else 409
        case TransientError() | OutcomeUnknownError():
            status = 503
        case _:
            logger.error("call failed", extra={"reason": str(error)})
            status = 500
    response = _json({"detail": str(error)}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _invalid(error: ValidationError) -> Response:
    problems = [
        {"field": ".".join(map(str, item["loc"])) or "body", "problem": item["msg"].removeprefix("Value error, ")}
        for item in error.errors(include_url=False, include_context=False)
    ]
    detail = "; ".join(f"{item['field']}: {item['problem']}" for item in problems)
    return _json({"detail": detail, "errors": problems}, 422)


def _http_error(error: HTTPException) -> Response:
    return _json({"detail": error.description}, error.code or 500)
