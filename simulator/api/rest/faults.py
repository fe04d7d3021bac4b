"""What a fault does to a REST request: before the work, and to its answer."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from simulator.api.calls import (
    Json,
)
from simulator.api.errors import timed_out
from simulator.api.limits import limit_on_demand
from simulator.api.rest.wire import (
    BrokenResponse,
    html_response,
    json_response,
)
from simulator.api.state import Fault
from simulator.engine.errors import ApiError


async def before_work(fault: Fault, now_ms: int) -> Response | None:
    """What a fault does before the work; a response ends the request here.

    Raises:
        ApiError: the fault is an error that the exchange answers.
    """
    params, kind = fault.params, fault.kind
    if kind == "delay":
        await asyncio.sleep(float(params.get("ms", 0)) / 1000)
    elif kind == "drop_request":
        return BrokenResponse()
    elif kind == "timeout" and params.get("before"):
        raise timed_out()
    elif kind == "http_error" and params.get("before"):
        return _page(fault)
    elif kind == "error" and not params.get("after"):
        raise _error(fault)
    elif kind in {"rate_limit", "ban"}:
        raise limit_on_demand(kind, float(params["retry_after"]), now_ms)
    return None


async def after_work(fault: Fault, content: Json) -> Response | None:
    """What a fault does to the answer once the work is done. Raises ApiError."""
    kind = fault.kind
    if kind == "delay_answer":
        await asyncio.sleep(float(fault.params.get("ms", 0)) / 1000)
    elif kind == "drop_answer":
        return BrokenResponse()
    elif kind == "malformed":
        whole = bytes(json_response(content).body)
        return Response(whole[: len(whole) // 2], media_type="application/json;charset=UTF-8")
    elif kind == "timeout":
        raise timed_out()
    elif kind == "http_error":
        return _page(fault)
    elif kind == "error":
        raise _error(fault)
    return None


def _page(fault: Fault) -> Response:
    status = int(fault.params.get("status", 502))
    if "body" in fault.params:
        return Response(str(fault.params["body"]), status, media_type="text/html")
    return html_response(status, {502: "Bad Gateway", 503: "Service Unavailable"}.get(status, "Error"))


def _error(fault: Fault) -> ApiError:
    params = fault.params
    message = str(params.get("msg", "An unknown error occurred while processing the request."))
    return ApiError(int(params.get("code", -1000)), message, http_status=int(params.get("status", 400)))
