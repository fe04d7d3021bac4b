"""Writes of FastAPI services: bodies of a bounded size, and one effect under one Idempotency-Key."""

# No postponed annotations: the dependency below is a local name, which FastAPI could not look up from text.

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict

from shared.memory.answers import MemoryAnswers
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.frame.auth import Authorizer, Principal, Scope
from shared.src.frame.error_answers import install_error_handlers
from shared.src.frame.idempotency import AnswerBook
from shared.src.frame.request_bodies import BODY_BYTES_MAX, BoundedBodies, KeyedWrites

TOKEN = {"Authorization": "Bearer right"}


class OneToken(Authorizer):
    """Knows one token of the scope trade."""

    def __init__(self) -> None:
        pass

    async def check(self, authorization: str | None, needed: Scope) -> Principal:
        if authorization != TOKEN["Authorization"]:
            raise RejectedError("a token is needed", code=401)
        return Principal("token-1", Scope.TRADE)


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: int


class Effects:
    """What was done, and how it ends."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.failure: Exception | None = None


def app_of(effects: Effects, answers: AnswerBook) -> FastAPI:
    app, auth = FastAPI(), OneToken()
    app.add_middleware(KeyedWrites, answers=answers, auth=auth)
    app.add_middleware(BoundedBodies)
    install_error_handlers(app)
    trader = Depends(auth.require(Scope.TRADE))

    @app.post("/spend")
    async def spend(wish: Wish, _: Annotated[Principal, trader]) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        effects.done.append(wish.amount)
        if effects.failure is not None:
            raise effects.failure
        return {"spent": wish.amount, "calls": len(effects.done)}

    @app.put("/other")
    async def other(wish: Wish, _: Annotated[Principal, trader]) -> dict[str, Any]:
        return {"other": wish.amount}

    return app


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
async def answers() -> AnswerBook:
    return MemoryAnswers()


@pytest.fixture
async def client(effects: Effects, answers: AnswerBook) -> Any:
    transport = httpx.ASGITransport(app_of(effects, answers), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened


def keyed(key: str) -> dict[str, str]:
    return TOKEN | {"Idempotency-Key": key}


async def test_a_repeated_call_is_done_once_and_answered_the_same(client: httpx.AsyncClient, effects: Effects) -> None:
    as_json = {"Content-Type": "application/json"}
    first = await client.post("/spend", content=b'{"amount": 5}', headers=keyed("k") | as_json)
    again = await client.post("/spend", content=b' {"amount":5 }', headers=keyed(" k ") | as_json)
    assert (first.json(), first.headers.get("Idempotency-Replayed")) == ({"spent": 5, "calls": 1}, None)
    assert (again.content, again.status_code) == (first.content, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert effects.done == [5]


async def test_without_a_key_or_with_a_blank_one_every_call_is_another(
    client: httpx.AsyncClient, effects: Effects
) -> None:
    for headers in (TOKEN, keyed("  ")):
        assert (await client.post("/spend", json={"amount": 5}, headers=headers)).status_code == 200
    assert effects.done == [5, 5]


async def test_another_body_or_another_route_under_the_key_is_a_conflict(
    client: httpx.AsyncClient, effects: Effects
) -> None:
    await client.post("/spend", json={"amount": 5}, headers=keyed("k"))
    other_body = await client.post("/spend", json={"amount": 6}, headers=keyed("k"))
    other_route = await client.put("/other", json={"amount": 5}, headers=keyed("k"))
    assert (other_body.status_code, other_route.status_code) == (409, 409)
    assert "another body" in other_body.json()["detail"]
    assert "POST /spend" in other_route.json()["detail"]
    assert effects.done == [5]


@pytest.mark.parametrize(("failure", "status"), [(RejectedError("no", code=409), 409), (HTTPException(404, "no"), 404)])
async def test_a_refusal_is_repeated_too(
    client: httpx.AsyncClient, effects: Effects, failure: Exception, status: int
) -> None:
    effects.failure = failure
    first = await client.post("/spend", json={"amount": 5}, headers=keyed("k"))
    effects.failure = None
    again = await client.post("/spend", json={"amount": 5}, headers=keyed("k"))
    assert (first.status_code, again.status_code, again.json()) == (status, status, first.json())
    assert effects.done == [5]


async def test_a_body_that_breaks_the_rules_uses_its_key_up(client: httpx.AsyncClient, effects: Effects) -> None:
    first = await client.post("/spend", json={"amount": "much"}, headers=keyed("k"))
    assert first.status_code == 422
    assert (await client.post("/spend", json={"amount": "much"}, headers=keyed("k"))).json() == first.json()
    assert (await client.post("/spend", json={"amount": 5}, headers=keyed("k"))).status_code == 409
    assert not effects.done


@pytest.mark.parametrize("failure", [TransientError("away"), RuntimeError("a bug")])
async def test_what_failed_may_be_tried_again(client: httpx.AsyncClient, effects: Effects, failure: Exception) -> None:
    effects.failure = failure
    assert (await client.post("/spend", json={"amount": 5}, headers=keyed("k"))).status_code >= 500
    effects.failure = None
    assert (await client.post("/spend", json={"amount": 5}, headers=keyed("k"))).status_code == 200
    assert effects.done == [5, 5]


async def test_concurrent_calls_under_one_key_have_one_effect(client: httpx.AsyncClient, effects: Effects) -> None:
    calls = [client.post("/spend", json={"amount": 5}, headers=keyed("k")) for _ in range(5)]
    answers = await asyncio.gather(*calls)
    assert {answer.content for answer in answers} == {answers[0].content}
    assert effects.done == [5]


async def test_a_caller_without_a_token_uses_no_key_up(client: httpx.AsyncClient, effects: Effects) -> None:
    nobody = {"Idempotency-Key": "k", "Authorization": "Bearer wrong"}
    assert (await client.post("/spend", json={"amount": 5}, headers=nobody)).status_code == 401
    assert (await client.post("/spend", json={"amount": 6}, headers=keyed("k"))).status_code == 200


async def test_a_key_that_is_too_long_is_refused(client: httpx.AsyncClient, effects: Effects) -> None:
    answer = await client.post("/spend", json={"amount": 5}, headers=keyed("k" * 201))
    assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (422, True)
    assert not effects.done


@pytest.mark.parametrize("headers", [TOKEN, keyed("k")])
async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for size, status in ((BODY_BYTES_MAX, 422), (BODY_BYTES_MAX + 1, 413)):
        answer = await client.post("/spend", content=b'"' + b"x" * (size - 2) + b'"', headers=headers)
        assert (answer.status_code, "detail" in answer.json()) == (status, True)
        headers = headers | ({"Idempotency-Key": "another"} if "Idempotency-Key" in headers else {})


def test_every_write_documents_the_key(effects: Effects) -> None:
    paths = app_of(effects, MemoryAnswers()).openapi()["paths"]
    for path, method in (("/spend", "post"), ("/other", "put")):
        names = {parameter["name"] for parameter in paths[path][method]["parameters"]}
        assert "idempotency-key" in names
