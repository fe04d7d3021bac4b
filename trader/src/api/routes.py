"""The trader's routes.

A handler's docstring and annotations (``path``, ``query``, ``header``, ``body``) are what the OpenAPI document says of
it, and the annotations are validated before it runs. It runs in a thread of the server; what it asks is done on the
trader's loop.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import Any, cast

from flask import Response, current_app, g, request
from flask_openapi import APIBlueprint
from flask_openapi.models import OPENAPI3_REF_PREFIX
from flask_openapi.types import ResponseDict
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from shared.src.frame.auth import Principal, Scope
from shared.src.frame.idempotency import (
    HEADER,
    REPLAYED,
    WRITES,
    KeptAnswer,
    KeyedCall,
    body_fingerprint,
    is_key,
    keep,
)
from shared.src.frame.read_gate import READS, is_open
from trader.src.api.answers import json_answer
from trader.src.api.control import TraderControl
from trader.src.api.loop import TraderLoop
from trader.src.api.models import (
    CancelQuery,
    CloseCycle,
    ClosePosition,
    CommandHeaders,
    CyclePath,
    ManualOrder,
    MoveLevels,
    OrderPath,
    OrdersQuery,
    PanicRequest,
    PauseRequest,
    RefusalBody,
    SymbolPath,
)


def _operation_id(*, path: str, method: str, **_: str) -> str:
    """``post_close_cycle_id`` for POST /close/<cycle_id>."""
    return "_".join((method.lower(), *re.findall(r"[\w-]+", path)))


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"{OPENAPI3_REF_PREFIX}/{model.__name__}"}}}


def _optional(body: type[BaseModel]) -> dict[str, Any]:
    """A body that may be left out: all its fields have defaults."""
    return {"required": False, "content": _content(body)}


DONE: ResponseDict = {200: {"description": "done"}}
PLACED: ResponseDict = {201: {"description": "placed"}}
NO_SUCH_THING: ResponseDict = {404: {"description": "there is no such thing"}}
ANY_CALL: ResponseDict = {
    422: {"description": "refused, with the reason", "content": _content(RefusalBody)},
    503: {"description": "something the trader depends on is away"},
}
ANY_COMMAND: ResponseDict = NO_SUCH_THING | {
    400: {"description": "the body is not JSON"},
    401: {"description": "no valid token"},
    403: {"description": "the token's scope is too small (trade is needed)"},
    409: {"description": "not possible in this state"},
}
COMMAND: dict[str, Any] = {"responses": DONE | ANY_COMMAND, "security": [{"token": []}]}
PLACE: dict[str, Any] = COMMAND | {"responses": PLACED | ANY_COMMAND}
PANIC: dict[str, Any] = COMMAND | {
    "responses": {202: {"description": "under way, with how far it is"}} | ANY_COMMAND,
}
api = APIBlueprint("api", __name__, abp_responses=ANY_CALL, operation_id_callback=_operation_id)


def _trader() -> TraderLoop:
    return cast(TraderLoop, current_app.extensions["trader"])


def _answer(work: Coroutine[Any, Any, dict[str, Any]], status: int = 200) -> Response:
    return json_answer(_trader().run(work), status)


def _listed(name: str, work: Coroutine[Any, Any, list[dict[str, Any]]]) -> Response:
    rows = _trader().run(work)
    return json_answer({name: rows, "count": len(rows)})


def _control() -> TraderControl:
    return _trader().control


# Reading


@api.get("/health", responses=DONE)
def health() -> Response:
    """Health of the trader and everything it depends on, the exchange included."""
    report = _trader().run(_trader().health())
    return json_answer(report, 200 if report["status"] == "healthy" else 503)


@api.get("/diagnostic", responses=DONE)
def diagnostic() -> Response:
    """Everything someone wants to see when the trader misbehaves."""
    return _answer(_trader().diagnostic())


@api.get("/metrics", responses=DONE)
def metrics() -> Response:
    """Metrics in Prometheus' format."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@api.get("/orders", responses=DONE)
def orders(query: OrdersQuery) -> Response:
    """Orders, open ones first."""
    return _listed("orders", _control().orders(query))


@api.get("/order/<order_id>", responses=DONE | NO_SUCH_THING)
def order(path: OrderPath) -> Response:
    """One order by its client order id or the exchange's id."""
    return _answer(_control().order(path.order_id))


@api.get("/positions", responses=DONE)
def positions() -> Response:
    """Open positions with unrealised profit."""
    return _listed("positions", _control().positions())


@api.get("/balance", responses=DONE)
def balance() -> Response:
    """Balances on the exchange."""
    return _answer(_control().balance())


@api.get("/prices", responses=DONE)
def prices() -> Response:
    """Last price of every symbol."""
    return _answer(_control().prices())


@api.get("/price/<symbol>", responses=DONE | NO_SUCH_THING)
def price(path: SymbolPath) -> Response:
    """Best bid and ask of a symbol."""
    return _answer(_control().price(path.symbol.upper()))


@api.get("/stats", responses=DONE)
def stats() -> Response:
    """Orders, success rate, volume, fees, realised and unrealised profit."""
    return _answer(_control().stats())


@api.get("/config/pauses", responses=DONE)
def pauses() -> Response:
    """What is paused, and why."""
    return _listed("pauses", _control().pauses())


@api.get("/status", responses=DONE)
def status() -> Response:
    """Whether positions are opened, and what stops it: halts and pauses, since when and why."""
    return _answer(_control().halts.status())


@api.get("/panic", responses=DONE)
def panic_progress() -> Response:
    """How far a panic is."""
    return _answer(_control().halts.progress())


@api.get("/quarantine", responses=DONE)
def quarantine() -> Response:
    """What cannot be handled and was set aside, with the reason; everything else goes on."""
    return _listed("quarantine", _control().quarantine())


# Commands


@api.before_request
def _authorize() -> None:
    """What changes something needs the scope trade, reads the scope read where others than this machine can ask; said
    before it is looked at what else is wrong.
    """
    token = request.headers.get("Authorization")
    if request.method in WRITES:
        g.principal = _trader().run(_control().authorize(token, Scope.TRADE))
    elif _trader().reads_need_token and request.method in READS and not is_open(request.path):
        _trader().run(_control().authorize(token, Scope.READ))


@api.before_request
def _answer_again() -> Response | None:
    """A write under an Idempotency-Key that was done before is answered as it was then."""
    if request.method not in WRITES or not is_key(request.headers.get(HEADER)):
        return None
    route = f"{request.method} {request.path}"
    fingerprint = body_fingerprint(request.get_data())
    call = KeyedCall(_principal().token_id, request.headers[HEADER].strip(), route, fingerprint)
    kept = _trader().run(_trader().answers.begin(call))
    if kept is None:
        g.call = call
        return None
    return Response(kept.body, kept.status, {REPLAYED: "true"}, content_type="application/json")


@api.after_request
def _keep_answer(response: Response) -> Response:
    call: KeyedCall | None = g.pop("call", None)
    if call is not None:
        answer = KeptAnswer(response.status_code, response.get_data(as_text=True))
        _trader().run(keep(_trader().answers, call, answer))
    return response


def _principal() -> Principal:
    return cast(Principal, g.principal)


@api.post("/trade", summary="Another name of POST /order", **PLACE)
@api.post("/execute-order", summary="Another name of POST /order", **PLACE)
@api.post("/order", **PLACE)
def place(header: CommandHeaders, body: ManualOrder) -> Response:
    """Place an order by hand (header Idempotency-Key: safe to repeat)."""
    return _answer(_control().place(_principal(), body, header.idempotency_key or None), 201)


@api.delete("/order/<order_id>", **COMMAND)
def cancel(header: CommandHeaders, path: OrderPath, query: CancelQuery) -> Response:
    """Cancel an open order; the answer's outcome says what became of it."""
    return _answer(_control().cancel(_principal(), path.order_id, sells=query.position == "sell"))


@api.post("/close/<cycle_id>", request_body=_optional(CloseCycle), **COMMAND)
def close_cycle(header: CommandHeaders, path: CyclePath, body: CloseCycle) -> Response:
    """Close one position at market."""
    return _answer(_control().close_cycle(_principal(), path.cycle_id, body.reason))


@api.patch("/cycles/<cycle_id>", **COMMAND)
def move_levels(header: CommandHeaders, path: CyclePath, body: MoveLevels) -> Response:
    """Move the stop or the target of an open position; the stop on the exchange is replaced in one call."""
    return _answer(_control().move_levels(_principal(), path.cycle_id, body))


@api.post("/cycles/<cycle_id>/protect", **COMMAND)
def protect(header: CommandHeaders, path: CyclePath) -> Response:
    """Protect a position again whose protection was taken off by hand."""
    return _answer(_control().protect(_principal(), path.cycle_id))


@api.post("/close-position", **COMMAND)
def close_symbol(header: CommandHeaders, body: ClosePosition) -> Response:
    """Close every position in a symbol at market."""
    return _answer(_control().close_symbol(_principal(), body))


@api.post("/panic", **PANIC)
def panic(header: CommandHeaders, body: PanicRequest) -> Response:
    """Cancel all entries, close all positions at market and halt; safe to repeat. An admin lifts the halt."""
    return _answer(_control().halts.panic(_principal(), body), 202)


@api.post("/config/pause", request_body=_optional(PauseRequest), **COMMAND)
def pause(header: CommandHeaders, body: PauseRequest) -> Response:
    """No new positions: all, a symbol or a strategy."""
    return _answer(_control().pause(_principal(), body))


@api.post("/config/resume", request_body=_optional(PauseRequest), **COMMAND)
def resume(header: CommandHeaders, body: PauseRequest) -> Response:
    """Lift what stops entries: a pause with the scope trade, a halt with admin."""
    return _answer(_control().resume(_principal(), body))
