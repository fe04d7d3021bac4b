"""Trailing stops: where they measure from (rules: trailing stop FAQ, scenarios A to E; changelog 2022-04-13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.twin_rest import BTC, OTO, RestClient, merged

TRAILING_SELL = {"symbol": BTC, "side": "SELL", "type": "STOP_LOSS", "quantity": "0.1", "trailingDelta": "100"}
LIMITED_SELL = {**TRAILING_SELL, "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "45000"}
TRAILING_BUY = {**TRAILING_SELL, "side": "BUY"}


def traded_at(rest: RestClient, price: str, *, side: str = "SELL") -> None:
    """Let the market stand at a price and trade there."""
    at, tick = Decimal(price), Decimal("0.01")
    bid, ask = (at, at + tick) if side == "SELL" else (at - tick, at)
    rest.twin.operations.set_liquidity(BTC, [(bid, Decimal(5))], [(ask, Decimal(5))])
    rest.outside(side, "1")


async def seen(rest: RestClient, order: dict[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    return view


@pytest.mark.parametrize("order", [TRAILING_SELL, LIMITED_SELL], ids=["at market", "with a limit"])
async def test_without_a_stop_price_a_trailing_sell_measures_from_the_last_trade_before_it(
    rest: RestClient, order: dict[str, Any]
) -> None:
    placed = await rest.order(order)
    traded_at(rest, "49500.01")
    assert (await seen(rest, placed))["status"] == "NEW"
    traded_at(rest, "49500")
    assert (await seen(rest, placed))["status"] == "FILLED"


@pytest.mark.parametrize(
    ("order", "side", "price"),
    [(TRAILING_SELL, "SELL", "49000"), (TRAILING_BUY, "BUY", "51000")],
    ids=["down", "up"],
)
async def test_a_gap_past_the_distance_fires_at_the_first_trade(
    rest: RestClient, order: dict[str, Any], side: str, price: str
) -> None:
    placed = await rest.order(order)
    traded_at(rest, price, side=side)
    assert (await seen(rest, placed))["status"] == "FILLED"


@pytest.mark.parametrize("kind", ["STOP_LOSS", "TAKE_PROFIT"])
async def test_it_tracks_from_the_moment_it_is_placed(rest: RestClient, kind: str) -> None:
    placed = await rest.order(TRAILING_SELL, type=kind)
    assert (await seen(rest, placed))["trailingTime"] == rest.now_ms


async def test_with_a_stop_price_it_tracks_only_once_a_trade_meets_that(rest: RestClient) -> None:
    placed = await rest.order(TRAILING_SELL, stopPrice="49600")
    assert (await seen(rest, placed))["trailingTime"] == -1
    traded_at(rest, "49500")
    view = await seen(rest, placed)
    assert (view["status"], view["trailingTime"] > 0) == ("NEW", True)
    traded_at(rest, "49005.01")
    assert (await seen(rest, placed))["status"] == "NEW"
    traded_at(rest, "49005")
    assert (await seen(rest, placed))["status"] == "FILLED"


async def test_a_rise_lifts_what_a_fall_is_measured_from(rest: RestClient) -> None:
    placed = await rest.order(TRAILING_SELL)
    for price, status in (("49600", "NEW"), ("51000", "NEW"), ("50490.01", "NEW"), ("50490", "FILLED")):
        traded_at(rest, price)
        assert (await seen(rest, placed))["status"] == status, price


async def test_a_pending_trailing_stop_measures_from_the_trade_that_armed_it(rest: RestClient) -> None:
    pending = {
        "pendingType": "STOP_LOSS",
        "pendingPrice": None,
        "pendingTimeInForce": None,
        "pendingTrailingDelta": "100",
    }
    response = await rest.post("orderList/oto", merged(OTO, pending))
    assert response.status_code == 200, response.text
    placed = response.json()["orders"][1]
    traded_at(rest, "49000")
    assert (await seen(rest, placed))["status"] == "NEW"
    traded_at(rest, "48510.01")
    assert (await seen(rest, placed))["status"] == "NEW"
    traded_at(rest, "48510")
    assert (await seen(rest, placed))["status"] == "FILLED"
