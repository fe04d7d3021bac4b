"""Many screens, one read."""

from __future__ import annotations

import asyncio
import math

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Response

from visualization.src.shared_reads import ANSWERS_MAX, SharedAnswers, SharedRoute


async def test_all_who_ask_at_once_share_one_read() -> None:
    answers, reads = SharedAnswers(fresh_s=math.inf), 0
    released = asyncio.Event()

    async def read() -> Response:
        nonlocal reads
        reads += 1
        await released.wait()
        return Response(b"1")

    waiting = [asyncio.create_task(answers.get("key", read)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    released.set()
    bodies = await asyncio.gather(*waiting[1:])
    assert reads == 1
    assert {bytes(body.body) for body in bodies} == {b"1"}
    assert bytes((await answers.get("key", read)).body) == b"1"
    assert reads == 1


async def test_an_old_answer_is_read_again() -> None:
    answers, reads = SharedAnswers(fresh_s=0), 0

    async def read() -> Response:
        nonlocal reads
        reads += 1
        return Response(str(reads).encode())

    assert [bytes((await answers.get("key", read)).body) for _ in range(3)] == [b"1", b"2", b"3"]


async def test_a_failure_is_told_and_not_kept() -> None:
    answers = SharedAnswers()

    async def broken() -> Response:
        raise ValueError("away")

    async def well() -> Response:
        return Response(b"here")

    with pytest.raises(ValueError, match="away"):
        await answers.get("key", broken)
    assert bytes((await answers.get("key", well)).body) == b"here"


async def test_the_memory_of_answers_is_bounded() -> None:
    answers = SharedAnswers()

    async def read() -> Response:
        return Response(b"")

    for number in range(ANSWERS_MAX + 50):
        await answers.get(str(number), read)
    assert len(answers._known) == ANSWERS_MAX


async def test_addresses_do_not_share_answers_and_refusals_stay_refusals() -> None:
    router = APIRouter(route_class=SharedRoute)

    @router.get("/double")
    async def double(number: int) -> Response:
        if number < 0:
            raise HTTPException(422, "negative")
        return Response(str(2 * number))

    app = FastAPI()
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = [await client.get(f"/double?number={number}") for number in (1, 2, 1, -1, -1)]
    assert [answer.text for answer in answers[:3]] == ["2", "4", "2"]
    assert [answer.status_code for answer in answers[3:]] == [422, 422]
