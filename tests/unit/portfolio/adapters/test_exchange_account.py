"""The trader's account over HTTP, with everything that can go wrong translated."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from portfolio.src.adapters.exchange_account import TraderAccount
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.exchange.models import Balance

Answer = Callable[[httpx.Request], httpx.Response]


def account(answer: Answer) -> TraderAccount:
    return TraderAccount(httpx.AsyncClient(base_url="http://trader", transport=httpx.MockTransport(answer)))


async def test_balances_are_read_as_decimals() -> None:
    rows = [{"asset": "USDC", "free": "10000.00", "locked": "0.10", "total": "10000.10"}]
    trader = account(lambda _: httpx.Response(200, json={"balances": rows, "quote_asset": "USDC"}))
    assert await trader.balances() == {"USDC": Balance("USDC", Decimal("10000.00"), Decimal("0.10"))}
    assert await trader.trades("BTCUSDC", ManualClock().now()) is None
    await trader.close()


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route", request=request)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (unreachable, TransientError),
        (lambda _: httpx.Response(503), TransientError),
        (lambda _: httpx.Response(401), RejectedError),
        (lambda _: httpx.Response(200, text="<html>"), TransientError),
        (lambda _: httpx.Response(200, json=[1, 2]), TransientError),
        (lambda _: httpx.Response(200, json={"balances": {"USDC": 1}}), ContractError),
        (lambda _: httpx.Response(200, json={"balances": [{"asset": "USDC"}]}), ContractError),
    ],
)
async def test_what_goes_wrong_is_never_an_empty_account(answer: Answer, error: type[Exception]) -> None:
    with pytest.raises(error):
        await account(answer).balances()
