"""Orders that bring others to life when they are filled."""

from __future__ import annotations

import pytest

from tests.integration.simulator.paper_alike.exchanges import Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    CANCELED,
    EXPIRED,
    FILLED,
    LIMIT,
    MAKER,
    SELL,
    D,
    alike,
    order,
    statuses,
    with_coins,
)

pytestmark = pytest.mark.integration


WORKING = {
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingQuantity": "1",
    "workingPrice": "990",
    "workingTimeInForce": "GTC",
    "workingClientOrderId": "w",
    "pendingSide": "SELL",
}
PENDING_PAIR = {
    "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "1050",
    "pendingAboveClientOrderId": "tp",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "950",
    "pendingBelowClientOrderId": "sl",
}


@alike
async def test_an_order_brings_the_next_one_to_life_when_it_is_filled(s: Scenario) -> None:
    await with_coins(s)
    pending = {"pendingType": "LIMIT", "pendingPrice": "1050", "pendingTimeInForce": "GTC", "pendingQuantity": "1"}
    await s.ask("post", "orderList/oto", **WORKING, **pending, pendingClientOrderId="p")
    assert (await s.state(order("p", SELL, LIMIT, "1"))).is_working is False
    await s.tick("980", "985", "2")
    assert (await s.state(order("p", SELL, LIMIT, "1"))).is_working
    await s.tick("1060", "1061", "2")
    assert (await s.state(order("p", SELL, LIMIT, "1"))).executed_quote == 1050


@alike
async def test_an_order_brings_a_pair_to_life_when_it_is_filled(s: Scenario) -> None:
    await with_coins(s)
    await s.ask("post", "orderList/otoco", **WORKING, **PENDING_PAIR, pendingQuantity="1")
    await s.tick("980", "985", "2")
    await s.tick("940", "941", "2")
    assert await statuses(s) == [EXPIRED, FILLED]


@alike
async def test_a_pair_sells_what_its_order_received_less_the_fee(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.ask("post", "orderList/opoco", **WORKING, **PENDING_PAIR)
    await s.tick("980", "985", "2")
    assert (await s.state(order("tp", SELL, MAKER, "1"))).quantity == D("0.999")
    await s.tick("1060", "1061", "2")
    assert await s.balance("BTC") == (0, 0)


@alike
async def test_a_cancelled_order_takes_what_waits_for_it_along(s: Scenario) -> None:
    await with_coins(s)
    await s.ask("post", "orderList/otoco", **WORKING, **PENDING_PAIR, pendingQuantity="1")
    await s.cancel(order("w", BUY, LIMIT, "1"))
    assert await statuses(s) == [CANCELED, CANCELED]
    assert await s.balance("BTC") == (4, 0)
