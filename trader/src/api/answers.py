"""What the API's bodies and answers are made of: exact numbers on the way in, JSON and its refusals on the way out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
from flask import Request, Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from shared.src.domain.errors import OutcomeUnknownError, RejectedError, RootTradingError, TransientError
from shared.src.frame.error_answers import UNSTORABLE_REASON

logger = logging.getLogger(__name__)


class JsonRequest(Request):
    """A body is JSON whatever its Content-Type says, its numbers keep their digits, no body is an empty object."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body.

        Raises:
            RejectedError: it is not JSON, even where the caller asks for silence: a client must learn why.
        """
        try:
            return json.loads(self.get_data(cache=False) or b"{}", parse_float=Decimal)
        except ValueError as error:
            raise RejectedError(f"the body is not JSON: {error}", code=400) from error
        except RecursionError as error:
            raise RejectedError("the body is not JSON that anybody means: it is nested too deep", code=400) from error


def json_answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, default=str), status=status, content_type="application/json")


def refused(error: RootTradingError) -> Response:
    """4xx with the reason for what was refused, 503 for what may work later, 500 for what should not happen."""
    match error:
        case RejectedError():
            status = error.code if error.code is not None and 400 <= error.code < 500 else 409
        case TransientError() | OutcomeUnknownError():
            status = 503
        case _:
            logger.error("call failed", extra={"reason": str(error)})
            status = 500
    response = json_answer({"detail": str(error)}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def invalid(error: ValidationError) -> Response:
    """422 with every problem, field by field."""
    problems = [
        {
            "field": _field(item["loc"]),
            "problem": item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors(include_url=False, include_context=False)
    ]
    detail = "; ".join(f"{item['field']}: {item['problem']}" for item in problems)
    return json_answer({"detail": detail, "errors": problems}, 422)


def _field(location: Iterable[int | str]) -> str:
    """Where in the body; a name that was sent may be no text that JSON can carry (half of a surrogate pair)."""
    name = ".".join(map(str, location)) or "body"
    return name.encode("utf-8", "replace").decode()


def unstorable(_: Exception) -> Response:
    return json_answer({"detail": UNSTORABLE_REASON}, 422)


def http_error(error: HTTPException) -> Response:
    return json_answer({"detail": error.description}, error.code or 500)
