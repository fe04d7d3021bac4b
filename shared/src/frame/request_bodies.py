"""Bodies of requests: read whole, at most 64 KiB, before a route sees them; keyed writes are done once.

Both are ASGI middleware of every FastAPI service; the trader, which is WSGI, has its own ends of the same rules.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.src.domain.errors import RejectedError, TransientError
from shared.src.frame.auth import Authorizer
from shared.src.frame.auth import Scope as TokenScope
from shared.src.frame.idempotency import (
    HEADER,
    REPLAYED,
    WRITES,
    AnswerBook,
    KeptAnswer,
    KeyedCall,
    body_fingerprint,
    keep,
    key_of,
)

BODY_BYTES_MAX = 64 * 1024


class BoundedBodies:
    """Reads the body of a write before the application does; 413 when it is larger than 64 KiB."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WRITES:
            await self._app(scope, receive, send)
            return
        body = await whole_body(receive)
        if body is None:
            await answer_json(send, 413, {"detail": f"the body exceeds {BODY_BYTES_MAX} bytes"})
            return
        await self._app(scope, replayed(body, receive), send)


class KeyedWrites:
    """Does a write that carries an Idempotency-Key once, and answers it as the first time when it is repeated.

    Calls without a valid token pass: their route says what is wrong with them.
    """

    def __init__(self, app: ASGIApp, *, answers: AnswerBook, auth: Authorizer) -> None:
        self._app = app
        self._answers = answers
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WRITES or not Headers(scope=scope).get(HEADER):
            await self._app(scope, receive, send)
            return
        try:
            await self._once(scope, receive, send)
        except RejectedError as error:
            await answer_json(send, error.code or 409, {"detail": str(error)})
        except TransientError as error:
            await answer_json(send, 503, {"detail": str(error)}, {"retry-after": "1"})

    async def _once(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        key = key_of(headers.get(HEADER))
        try:
            principal = await self._auth.check(headers.get("authorization"), TokenScope.READ)
        except RejectedError:
            key = ""
        if not key:
            await self._app(scope, receive, send)
            return
        body = await whole_body(receive) or b""
        call = KeyedCall(principal.token_id, key, f"{scope['method']} {scope['path']}", body_fingerprint(body))
        if (kept := await self._answers.begin(call)) is not None:
            await send_answer(send, kept.status, kept.body.encode(), {REPLAYED.lower(): "true"})
            return
        recorded = _Recorded()
        try:
            await self._app(scope, replayed(body, receive), recorded)
        finally:
            await keep(self._answers, call, recorded.answer)
        for message in recorded.messages:
            await send(message)


class _Recorded:
    """Holds back what an application sends, until its answer is kept."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def answer(self) -> KeptAnswer | None:
        """None when the application did not come to an end."""
        if not self.messages or self.messages[-1].get("more_body"):
            return None
        body = b"".join(message.get("body", b"") for message in self.messages)
        return KeptAnswer(self.messages[0]["status"], body.decode())


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request; None when it is larger than 64 KiB, or its client left."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body"):
            return body


def replayed(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that hands out a body which was read before, then goes on with the connection."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


async def answer_json(send: Send, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
    """Answer with JSON."""
    await send_answer(send, status, orjson.dumps(content), headers or {})


async def send_answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Answer with a body that is JSON."""
    named = {"content-type": "application/json", "content-length": str(len(body))} | headers
    encoded = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
