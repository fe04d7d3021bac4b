"""The dashboard behind the scope read: a browser gives its token once and is known by a cookie from then on.

The cookie admits to reading alone. What changes something needs the token in the header, as everywhere: a page of
another site can make a browser send a cookie, not a header.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.src.domain.errors import RejectedError, TransientError
from shared.src.frame.auth import Principal
from shared.src.frame.auth import Scope as TokenScope
from shared.src.frame.read_gate import READS, is_open

COOKIE = "roottrading_read"
HEALTH = "/api/health"  # of all services at once, for monitors
POLICY_VIOLATION = 1008
UNAUTHORIZED, AWAY = 401, 503

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>RootTrading</title>
<body style="font:16px/1.6 system-ui;max-width:30rem;margin:15vh auto;padding:0 1rem">
<h1>RootTrading</h1><p>{problem}</p>
<form method="post" action="/sign-in"><label>Token with the scope read (<code>roottrading token create</code>)
<input name="token" type="password" required autofocus style="width:100%;font:inherit"></label>
<p><button style="font:inherit">Sign in</button></p></form>"""

Admit = Callable[[str | None, TokenScope], Awaitable[Principal]]
"""Who sends an Authorization header; raises RejectedError (401, 403), TransientError."""


class SignedIn:
    """ASGI middleware: pages, reads and live connections for who shows a token of the scope read."""

    def __init__(self, app: ASGIApp, *, admit: Admit) -> None:
        self._app = app
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] in READS and not _is_open(scope["path"])
        if not is_read and scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        shown = connection.headers.get("authorization") or _bearer(connection.cookies.get(COOKIE))
        try:
            await self._admit(shown, TokenScope.READ)
        except (RejectedError, TransientError) as error:
            await _refuse(connection, error, receive, send)
        else:
            await self._app(_showing(scope, shown or ""), receive, send)


def _is_open(path: str) -> bool:
    return path == HEALTH or is_open(path)


def _bearer(token: str | None) -> str | None:
    return None if token is None else f"Bearer {token}"


def _showing(scope: Scope, authorization: str) -> Scope:
    """The same call with its token in the header: what is passed on to other services is read with it."""
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*others, (b"authorization", authorization.encode("latin-1", "replace"))]}


async def _refuse(
    connection: HTTPConnection, error: RejectedError | TransientError, receive: Receive, send: Send
) -> None:
    if connection.scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": str(error)[:100]})
        return
    status = (error.code or UNAUTHORIZED) if isinstance(error, RejectedError) else AWAY
    answer: Response = JSONResponse({"detail": str(error)}, status, {"WWW-Authenticate": "Bearer"})
    if "text/html" in connection.headers.get("accept", "") and status != AWAY:
        answer = _page("This dashboard shows money: sign in to read it.", status)
    await answer(connection.scope, receive, send)


def _page(problem: str, status: int) -> HTMLResponse:
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}
    return HTMLResponse(PAGE.format(problem=escape(problem)), status, headers)


def sign_in_routes(admit: Admit) -> APIRouter:
    """``POST /sign-in`` with the form field ``token``; answers with the cookie, and the way to the dashboard."""
    router = APIRouter()

    @router.post("/sign-in", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        token = fields.get("token", [""])[0].strip()
        try:
            await admit(_bearer(token), TokenScope.READ)
        except RejectedError as error:
            return _page(str(error), error.code or UNAUTHORIZED)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
        return answer

    return router
