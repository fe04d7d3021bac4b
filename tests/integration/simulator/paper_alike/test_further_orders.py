"""Orders that the trader does not send yet: by amount, icebergs, self-trade prevention, amended and replaced ones."""

from __future__ import annotations

from typing import Any

import pytest

from shared.src.domain.orders import OrderStatus
from tests.integration.simulator.paper_alike.exchanges import Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    LIMIT,
    SELL,
    D,
    alike,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


@alike
async def test_a_market_buy_by_amount_spends_it_as_far_as_the_grid_allows(s: Scenario) -> None:
    await s.tick("999", "1000", "2")
    answer = await s.ask("post", "order", side="BUY", type="MARKET", quoteOrderQty="1234.56")
    assert (answer["executedQty"], answer["cummulativeQuoteQty"]) == ("1.23400000", "1234.00000000")


@alike
async def test_an_iceberg_shows_a_part_and_goes_to_the_end_of_the_queue(s: Scenario) -> None:
    await s.tick("999", "1000")
    iceberg = {"type": "LIMIT", "timeInForce": "GTC", "price": "990"}
    await s.ask("post", "order", side="BUY", quantity="1", icebergQty="0.2", newClientOrderId="ice", **iceberg)
    await s.place(order("plain", BUY, LIMIT, "0.5", "990"))
    await s.tick("980", "990", "0.3")
    assert (await s.state(order("ice", BUY, LIMIT, "1"))).executed_quantity == D("0.2")
    assert (await s.state(order("plain", BUY, LIMIT, "1"))).executed_quantity == D("0.101")


@alike
async def test_every_mode_of_prevention_ends_whom_it_says(s: Scenario) -> None:
    await with_coins(s)
    limit = {"type": "LIMIT", "timeInForce": "GTC", "price": "999.5"}
    for mode in ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"):
        await s.place(order(f"m-{mode}", SELL, LIMIT, "0.3", "999.5"))
        taker = {"side": "BUY", "quantity": "0.2", "selfTradePreventionMode": mode, "newClientOrderId": f"t-{mode}"}
        await s.ask("post", "order", **limit, **taker)
        for found in await s.exchange.open_orders():
            await s.cancel(order(found.client_order_id, BUY, LIMIT, "1"))
    ends = {name: (await s.state(order(name, BUY, LIMIT, "1"))).status for name in ("t-EXPIRE_TAKER", "m-EXPIRE_BOTH")}
    assert set(ends.values()) == {OrderStatus.EXPIRED_IN_MATCH}


@alike
async def test_an_amended_order_keeps_its_place(s: Scenario) -> None:
    await s.tick("999", "1000")
    for name in "ab":
        await s.place(order(name, BUY, LIMIT, "1", "990"))
    await s.ask("put", "order/amend/keepPriority", origClientOrderId="a", newQty="0.4", newClientOrderId="a")
    await s.tick("980", "990", "0.5")
    done: list[Any] = [(await s.state(order(name, BUY, LIMIT, "1"))).executed_quantity for name in "ab"]
    assert done == [D("0.4"), D("0.101")]


@alike
async def test_an_order_is_replaced_in_one_step(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, LIMIT, "9", "990"))
    new = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "9", "price": "995"}
    mode = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "a"}
    answer = await s.ask("post", "order/cancelReplace", newClientOrderId="b", **mode, **new)
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
