"""Passes calls of the dashboard on to the trader and the portfolio, with the caller's own token and nothing added."""

from __future__ import annotations

from typing import Annotated

import httpx
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from shared.src.http_calls import failure_of

TIMEOUT_S = 15.0
BODY_BYTES_MAX = 64 * 1024
FORWARDED = ("authorization", "content-type", "accept", "x-request-id", "idempotency-key")
RETURNED = ("content-type", "www-authenticate", "retry-after")

Target = Annotated[str, Path(pattern=r"^[A-Za-z0-9_\-./]*$")]


def proxy_routes(client: httpx.AsyncClient, *, trader_url: str, portfolio_url: str) -> APIRouter:
    """``/api/trader/...`` (read and act) and ``/api/portfolio/...`` (read)."""
    router = APIRouter(tags=["proxy"])

    @router.get("/api/trader/{target:path}")
    @router.post("/api/trader/{target:path}")
    @router.patch("/api/trader/{target:path}")
    @router.delete("/api/trader/{target:path}")
    async def trader(request: Request, target: Target) -> Response:
        return await _forward(client, request, "trader", trader_url, target)

    @router.get("/api/portfolio/{target:path}")
    async def portfolio(request: Request, target: Target) -> Response:
        return await _forward(client, request, "portfolio", portfolio_url, target)

    return router


async def _forward(client: httpx.AsyncClient, request: Request, service: str, base: str, target: str) -> Response:
    if ".." in target.split("/"):
        return _problem(400, "the path leaves the service")
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        return _problem(413, f"the body exceeds {BODY_BYTES_MAX} bytes")
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    try:
        answer = await client.request(
            request.method,
            f"{base}/{target}",
            params=request.url.query,
            headers=headers,
            content=body or None,
            timeout=TIMEOUT_S,
        )
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return _problem(503, f"the {service} does not answer; nothing was sent")
    except httpx.HTTPError as error:
        return _problem(504, _unanswered(request.method, service, error))
    kept = {name: answer.headers[name] for name in RETURNED if name in answer.headers}
    return Response(answer.content, answer.status_code, kept)


def _unanswered(method: str, service: str, error: httpx.HTTPError) -> str:
    cause = failure_of(error)
    if method == "GET":
        return f"the {service} did not answer: {cause}"
    return f"the {service} did not answer ({cause}); it may have acted: look at the orders before trying again"


def _problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)
