"""What the portfolio's answers mean for an order by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from shared.src.domain.errors import RejectedError, TransientError
from trader.src.adapters.portfolio_pockets import PortfolioPockets


async def reserved(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    pockets = PortfolioPockets("http://portfolio", "token", transport=httpx.MockTransport(answer))
    await pockets.reserve("in-1", pocket="safety", amount=Decimal("12.5"))
    await pockets.close()


async def test_the_named_pocket_is_asked_for_the_intent() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"status": "active"})

    await reserved(answer)
    body = json.loads(asked[0].content)
    assert (asked[0].url.path, asked[0].headers["Authorization"]) == ("/pockets/reserve", "Bearer token")
    assert (body["intent_id"], body["pocket"], body["amount"]) == ("in-1", "safety", "12.5")


async def test_a_pocket_with_too_little_is_a_refusal_with_its_reason() -> None:
    with pytest.raises(RejectedError, match="only 3 are left") as refused:
        await reserved(lambda _: httpx.Response(409, json={"detail": "only 3 are left"}))
    assert refused.value.code == 409


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_without_an_answer_of_the_portfolio_nothing_may_be_spent(status: int) -> None:
    with pytest.raises(TransientError):
        await reserved(lambda _: httpx.Response(status, json={"detail": "no"}))
