"""Many screens, one read."""

from __future__ import annotations

import httpx
from fastapi import APIRouter, FastAPI, HTTPException, Response

from visualization.src.shared_reads import SharedRoute


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
