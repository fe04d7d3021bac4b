"""Calls to other HTTP APIs, with everything that can go wrong translated: no exception of httpx leaves this module.

One ladder for all: no answer, 429, 5xx, and an answer that is not JSON (a proxy or a dying server spoke, not the one
that was asked) may be repeated; any other refusal may not. What an answer must contain is its reader's business, and
ContractError when it is missing.
"""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from shared.src.domain.errors import RejectedError, TransientError

TOO_MANY = 429


def failure_of(error: httpx.HTTPError | httpx.InvalidURL) -> str:
    """What may be told of a call that failed: its status, or else its kind. The library's words show the address with
    its query, and a header that cannot be sent.
    """
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__


async def exchange(client: httpx.AsyncClient, method: str, path: str, *, who: str, **request: Any) -> httpx.Response:
    """Send a request and read the whole answer, whatever its status.

    Raises:
        TransientError: there is no answer.
    """
    try:
        return await client.request(method, path, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = failure_of(error)
    raise TransientError(f"{who} {path}: {failure}")


def json_of(answer: httpx.Response, what: str) -> Any:
    """The answer's body.

    Raises:
        TransientError: it is not JSON.
    """
    try:
        return orjson.loads(answer.content)
    except ValueError:
        failure = f"{what}: not JSON"  # raised below: the library's error holds the whole body
    raise TransientError(failure)


async def call_service(
    client: httpx.AsyncClient, method: str, path: str, *, who: str, body: Any = None
) -> dict[str, Any]:
    """Ask another service; its answer is an object.

    Raises:
        TransientError: no answer, or none of that service; repeating is safe as far as the call itself is.
        RejectedError: it refuses, in its own words; the code is the HTTP status.
    """
    answer = await exchange(client, method, path, who=who, json=body)
    what = f"{who} {path}"
    if answer.status_code >= 500 or answer.status_code == TOO_MANY:
        raise TransientError(f"{what}: HTTP {answer.status_code}")
    if answer.is_error:
        raise RejectedError(_reason(answer) or f"{what}: HTTP {answer.status_code}", code=answer.status_code)
    content = json_of(answer, what)
    if not isinstance(content, dict):
        raise TransientError(f"{what}: not an object")
    return content


def _reason(answer: httpx.Response) -> str:
    """Why a service refused, in its own words; empty when it said nothing."""
    try:
        content = orjson.loads(answer.content)
    except ValueError:
        return ""
    detail = content.get("detail", content) if isinstance(content, dict) else content
    return str(detail)
