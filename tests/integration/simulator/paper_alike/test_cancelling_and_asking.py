"""Cancelling orders, and finding them and their trades."""

from __future__ import annotations

import pytest

from tests.integration.simulator.paper_alike.exchanges import SYMBOL, Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    CANCELED,
    LIMIT,
    MARKET,
    SELL,
    STOP,
    alike,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


@alike
async def test_a_cancel_gives_the_rest_back(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, LIMIT, "2", "990"))
    await s.tick("980", "990", "0.05")
    ended = (await s.cancel(order("a", BUY, LIMIT, "2", "990")))[0]
    assert ended.status is CANCELED
    assert 0 < ended.executed_quantity < 2
    assert await s.balance("USDC") == (10_000 - ended.executed_quote, 0)


@alike
async def test_what_is_not_there_cannot_be_cancelled(s: Scenario) -> None:
    await s.tick("999", "1000")
    never = order("never", BUY, LIMIT, "1", "990")
    assert await s.refused(s.cancel(never)) == (-2011, "-2011 Unknown order sent.")
    await s.place(never)
    await s.cancel(never)
    assert await s.refused(s.cancel(never)) == (-2011, "-2011 Unknown order sent.")
    assert await s.refused(s.cancel(never, 4711)) == (-2011, "-2011 Unknown order sent.")


@alike
async def test_a_name_is_free_again_when_its_order_is_done(s: Scenario) -> None:
    await s.tick("999", "1000")
    first = await s.place(order("a", BUY, LIMIT, "1", "990"))
    assert await s.refused(s.place(order("a", BUY, LIMIT, "1", "991"))) == (-2010, "-2010 Duplicate order sent.")
    await s.cancel(order("a", BUY, LIMIT, "1"))
    second = await s.place(order("a", BUY, LIMIT, "1", "991"))
    assert (await s.state(order("a", BUY, LIMIT, "1"))).order_id == second.order.order_id > first.order.order_id


@alike
async def test_orders_are_found_by_either_id_and_unknown_ones_are_not(s: Scenario) -> None:
    await s.tick("999", "1000")
    placed = (await s.place(order("a", BUY, LIMIT, "1", "990"))).order
    assert await s.exchange.order(SYMBOL, "a") == await s.exchange.order_by_id(SYMBOL, placed.order_id)
    assert await s.refused(s.exchange.order(SYMBOL, "b")) == (-2013, "-2013 Order does not exist.")
    assert await s.refused(s.exchange.order_by_id(SYMBOL, 4711)) == (-2013, "-2013 Order does not exist.")
    assert await s.refused(s.exchange.order("BNBUSDC", "a")) == (-2013, "-2013 Order does not exist.")


@alike
async def test_trades_are_found_by_order_and_from_an_id_on(s: Scenario) -> None:
    await s.tick("999", "1000", "0.6")
    first = (await s.place(order("a", BUY, MARKET, "1"))).order
    second = (await s.place(order("b", BUY, MARKET, "1"))).order
    trades = await s.exchange.trades(SYMBOL, from_id=0)
    assert [t for t in trades if t.order_id == first.order_id] == await s.exchange.trades(
        SYMBOL, order_id=first.order_id
    )
    middle = trades[1].trade_id
    assert await s.exchange.trades(SYMBOL, from_id=middle) == trades[1:]
    assert trades[-1].order_id == second.order_id


@alike
async def test_open_orders_are_those_that_can_still_happen(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", BUY, LIMIT, "1", "990"))
    await s.place(order("b", SELL, STOP, "1", stop="900"))
    await s.place(order("c", BUY, LIMIT, "1", "991"))
    await s.cancel(order("c", BUY, LIMIT, "1"))
    assert {found.client_order_id for found in await s.exchange.open_orders()} == {"a", "b"}
