"""Reads that show money: open on the machine itself, with a token (scope read) where others can reach the API."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.src.domain.errors import RejectedError, TransientError
from shared.src.frame.auth import Authorizer
from shared.src.frame.auth import Scope as TokenScope
from shared.src.frame.request_bodies import answer_json

READS = frozenset({"GET", "HEAD"})
# What probes and monitors ask without a token, and the description of the API. None of it shows money.
OPEN = ("/health", "/metrics", "/openapi.json", "/docs", "/docs-files/")


def is_open(path: str) -> bool:
    """Whether a path may be read without a token anywhere."""
    return path in OPEN or path.startswith("/docs-files/")


class ReadGate:
    """ASGI middleware: admits reads with a token of the scope read."""

    def __init__(self, app: ASGIApp, *, auth: Authorizer) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in READS or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            await self._auth.check(Headers(scope=scope).get("authorization"), TokenScope.READ)
        except RejectedError as error:
            headers = {"www-authenticate": "Bearer"}
            await answer_json(send, error.code or 401, {"detail": str(error)}, headers)
        except TransientError as error:
            await answer_json(send, 503, {"detail": str(error)}, {"retry-after": "1"})
        else:
            await self._app(scope, receive, send)
