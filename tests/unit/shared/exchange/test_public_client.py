"""Public calls without the trading library: the same errors, and the same weight budget."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import ContractError, RejectedError, RootTradingError, TransientError
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.public_client import PublicClient
from shared.src.exchange.weights import WeightBudget

Answer = Callable[[httpx.Request], httpx.Response]


def market(answer: Answer, weights: WeightBudget | None = None) -> MarketData:
    client = PublicClient("http://exchange", weights or WeightBudget(None), transport=httpx.MockTransport(answer))
    return MarketData(client, ManualClock())


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route", request=request)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (unreachable, TransientError),
        (lambda _: httpx.Response(503), TransientError),
        (lambda _: httpx.Response(400, json={"code": -1007, "msg": "Timeout."}), TransientError),
        (lambda _: httpx.Response(200, text="<html>"), TransientError),
        (lambda _: httpx.Response(400, json={"code": -1121, "msg": "Invalid symbol."}), RejectedError),
        (lambda _: httpx.Response(403, text="<html>WAF</html>"), RejectedError),
        (lambda _: httpx.Response(200, json={"markets": []}), ContractError),
        (lambda _: httpx.Response(200, json={"symbols": [{"symbol": "BTCUSDC"}]}), ContractError),
    ],
)
async def test_what_goes_wrong_says_what_to_do_next(answer: Answer, error: type[RootTradingError]) -> None:
    with pytest.raises(error) as caught:
        await market(answer).exchange_info(["BTCUSDC"])
    assert type(caught.value) is error


async def test_a_refusal_carries_the_exchanges_code_or_else_the_status() -> None:
    for response, code in (
        (httpx.Response(400, json={"code": -1121, "msg": "Invalid symbol."}), -1121),
        (httpx.Response(403, text="<html>"), 403),
    ):
        with pytest.raises(RejectedError) as caught:
            await market(lambda _, response=response: response).exchange_info(["X"])  # type: ignore[misc]
        assert caught.value.code == code


async def test_after_429_nobody_asks_until_the_time_is_over() -> None:
    weights = WeightBudget(None)
    with pytest.raises(TransientError, match="3600 s"):
        await market(lambda _: httpx.Response(429, headers={"Retry-After": "3600"}), weights).exchange_info()
    assert 1800 < await weights.blocked_s() <= 3600
