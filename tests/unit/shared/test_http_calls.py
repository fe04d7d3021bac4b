"""Calls between services: one ladder of errors, and nothing of httpx above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.src.domain.errors import RejectedError, RootTradingError, TransientError
from shared.src.exchange.public_client import PublicClient
from shared.src.exchange.weights import WeightBudget
from shared.src.http_calls import call_service

Answer = Callable[[httpx.Request], httpx.Response]


def transport_errors() -> list[Exception]:
    """Every exception that a call can end in. The others are about reading a stream or a cookie jar by hand."""
    kinds = [kind for _, kind in sorted(vars(httpx).items()) if isinstance(kind, type)]
    return [kind(kind.__name__) for kind in kinds if issubclass(kind, httpx.RequestError | httpx.InvalidURL)]


def raising(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


async def ask(answer: Answer) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer)) as client:
        return await call_service(client, "POST", "/pockets", who="portfolio", body={"amount": "1"})


@pytest.mark.parametrize("error", transport_errors(), ids=repr)
async def test_no_exception_of_httpx_gets_through(error: Exception) -> None:
    with pytest.raises(TransientError, match=type(error).__name__):
        await ask(raising(error))
    public = PublicClient("http://exchange", WeightBudget(None), transport=httpx.MockTransport(raising(error)))
    with pytest.raises(TransientError, match=type(error).__name__):
        await public.public("time", {}, weight=1)


def test_the_list_of_exceptions_is_that_of_httpx() -> None:
    names = {type(error).__name__ for error in transport_errors()}
    assert {"ConnectTimeout", "ReadError", "RemoteProtocolError", "TooManyRedirects", "DecodingError"} <= names


@pytest.mark.parametrize(
    ("response", "error", "word"),
    [
        (httpx.Response(503), TransientError, "HTTP 503"),
        (httpx.Response(429, json={"detail": "slow down"}), TransientError, "HTTP 429"),
        (httpx.Response(200, text="<html>"), TransientError, "not JSON"),
        (httpx.Response(200, content=b"\xff\xfe{"), TransientError, "not JSON"),
        (httpx.Response(200, json=[1, 2]), TransientError, "not an object"),
        (httpx.Response(409, json={"detail": "the pocket is empty"}), RejectedError, "^the pocket is empty$"),
        (httpx.Response(401, text="<html>"), RejectedError, "HTTP 401"),
    ],
)
async def test_an_answer_says_what_to_do_next(
    response: httpx.Response, error: type[RootTradingError], word: str
) -> None:
    with pytest.raises(error, match=word) as caught:
        await ask(lambda _: response)
    assert getattr(caught.value, "code", response.status_code) == response.status_code


async def test_an_answer_is_an_object() -> None:
    assert await ask(lambda request: httpx.Response(200, content=request.content)) == {"amount": "1"}
