"""Errors as HTTP: every refusal is JSON with its reason, and repeats nothing of what was sent.

What was sent may be no text that JSON can carry (NaN, half of a surrogate pair, bytes), and may hold a secret.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError, UnstorableError

# Raised for values that the database has no place for: NUL in a text, half of a surrogate pair, a number out of range.
# Where a call holds them, the call is wrong.
UNSTORABLE = (UnstorableError, UnicodeEncodeError)
UNSTORABLE_REASON = "a text or a number of the call is none that can be stored or looked for"


def install_error_handlers(app: FastAPI) -> None:
    """Platform errors as HTTP: a refusal 4xx with its reason, a dependency that is away 503, a bug 500."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        problems = problems_of(error.errors())
        detail = "; ".join(f"{item['field']}: {item['problem']}" for item in problems)
        return _json({"detail": detail, "errors": problems}, 422)

    @app.exception_handler(RejectedError)
    async def rejected(_: Request, error: RejectedError) -> Response:
        status = error.code if error.code is not None and 400 <= error.code < 500 else 409
        return _json({"detail": str(error), "code": error.code}, status)

    @app.exception_handler(TransientError)
    @app.exception_handler(OutcomeUnknownError)
    async def away(_: Request, error: TransientError) -> Response:
        response = _json({"detail": str(error)}, 503)
        response.headers["Retry-After"] = "1"
        return response

    async def unstorable(_: Request, __: Exception) -> Response:
        return _json({"detail": UNSTORABLE_REASON}, 422)

    for kind in UNSTORABLE:
        app.add_exception_handler(kind, unstorable)

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        return _json({"detail": "the service failed; its log says why"}, 500)


def problems_of(errors: Sequence[Any]) -> list[dict[str, str]]:
    """What is wrong with which field, as pydantic tells it; what was given is left out."""
    return [
        {
            "field": ".".join(str(part) for part in item["loc"] if part not in {"body", "query", "path"}) or "body",
            "problem": item["msg"].removeprefix("Value error, "),
        }
        for item in errors
    ]


def _json(content: dict[str, Any], status: int) -> Response:
    """Plain ASCII: names of fields that were sent may be no text."""
    return Response(json.dumps(content, default=str), status, media_type="application/json")
