"""Stops, take profits and trailing stops."""

from __future__ import annotations

import pytest

from tests.integration.simulator.paper_alike.exchanges import Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    EXPIRED,
    FILLED,
    NEW,
    SELL,
    STOP,
    STOP_LIMIT,
    TAKE,
    TAKE_LIMIT,
    alike,
    got,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


@alike
async def test_a_stop_loss_waits_and_sells_at_market_when_it_is_reached(s: Scenario) -> None:
    await with_coins(s)
    report = await s.place(order("a", SELL, STOP, "1", stop="980"))
    assert (report.order.status, report.order.is_working) == (NEW, False)
    await s.tick("979.5", "980.5")
    stopped = await s.state(order("a", SELL, STOP, "1"))
    assert got(stopped) == (FILLED, 1)


@alike
async def test_a_gap_through_a_stop_sells_far_below_it(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, STOP, "1", stop="980"))
    await s.tick("900", "901", "3")
    assert (await s.state(order("a", SELL, STOP, "1"))).executed_quote == 900


@alike
async def test_a_gap_through_a_stop_limit_leaves_it_resting(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, STOP_LIMIT, "1", "975", stop="980"))
    await s.tick("900", "901")
    resting = await s.state(order("a", SELL, STOP_LIMIT, "1"))
    assert (*got(resting), resting.is_working) == (NEW, 0, True)
    await s.tick("976", "977", "3")
    assert (await s.state(order("a", SELL, STOP_LIMIT, "1"))).status is FILLED


@alike
async def test_what_a_stop_limit_at_once_does_not_get_expires(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, STOP_LIMIT, "3", "979", stop="980", tif="IOC"))
    await s.tick("979.5", "980.5", "0.1")
    ended = await s.state(order("a", SELL, STOP_LIMIT, "3"))
    assert ended.status is EXPIRED
    assert 0 < ended.executed_quantity < 3


@alike
async def test_a_stop_that_buys_pays_what_is_asked(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, STOP, "1", stop="1020"))
    assert await s.balance("USDC") == (8980, 1020)
    await s.tick("1029", "1030", "3")
    assert await s.balance("USDC") == (8970, 0)


@alike
async def test_a_stop_that_can_no_longer_be_paid_expires(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, STOP, "9.8", stop="1020"))
    await s.tick("1099", "1100", "30")
    assert (await s.state(order("a", BUY, STOP, "9.8"))).status is EXPIRED
    assert await s.balance("USDC") == (10_000, 0)


@alike
async def test_a_take_profit_sells_at_market_when_it_is_reached(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, TAKE, "1", stop="1050"))
    await s.tick("1049", "1051", "2")
    assert (await s.state(order("a", SELL, TAKE, "1"))).executed_quote == 1049


@alike
async def test_a_take_profit_limit_rests_at_its_price(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, TAKE_LIMIT, "1", "1060", stop="1050"))
    await s.tick("1049", "1051", "2")
    assert (await s.state(order("a", SELL, TAKE_LIMIT, "1"))).is_working
    await s.tick("1061", "1062", "2")
    assert (await s.state(order("a", SELL, TAKE_LIMIT, "1"))).executed_quote == 1060


@alike
async def test_a_stop_that_is_reached_already_is_refused(s: Scenario) -> None:
    await with_coins(s)
    assert await s.refused(s.place(order("a", SELL, STOP, "1", stop="1000"))) == (
        -2010,
        "-2010 Order would trigger immediately.",
    )


@alike
async def test_a_trailing_stop_follows_the_price_up_and_not_down(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, STOP, "1", trailing=200))
    for bid, ask in (("1049", "1050"), ("1099", "1100"), ("1089", "1090"), ("1079", "1080")):
        await s.tick(bid, ask, "3")
        assert (await s.state(order("a", SELL, STOP, "1"))).status is NEW
    await s.tick("1077", "1079", "3")
    assert (await s.state(order("a", SELL, STOP, "1"))).executed_quote == 1077
