"""Orders with a limit: what crosses, what rests, what expires."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.simulator.paper_alike.exchanges import SYMBOL, Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    EXPIRED,
    FILLED,
    LIMIT,
    MAKER,
    NEW,
    SELL,
    D,
    alike,
    fills_of,
    got,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


@alike
async def test_a_limit_order_that_crosses_fills_at_the_better_price(s: Scenario) -> None:
    await s.tick("999", "1000")
    report = await s.place(order("a", BUY, LIMIT, "0.5", "1005"))
    assert fills_of(report) == [("1000.00000000", "0.50000000")]
    assert await s.balance("USDC") == (9500, 0)


@alike
async def test_a_resting_buy_locks_its_money_and_fills_when_the_price_comes(s: Scenario) -> None:
    await s.tick("999", "1000")
    report = await s.place(order("a", BUY, LIMIT, "0.5", "990"))
    assert (report.order.status, report.order.is_working) == (NEW, True)
    assert await s.balance("USDC") == (9505, 495)
    await s.tick("980", "985")
    assert (await s.state(order("a", BUY, LIMIT, "0"))).status is FILLED
    # as maker, at its own price
    assert await s.balance("USDC") == (9505, 0)
    assert await s.balance("BTC") == (D("0.5") * D("0.999"), 0)


@alike
async def test_a_resting_sale_fills_when_the_price_rises_through_it(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("a", SELL, LIMIT, "1", "1010"))
    await s.tick("1020", "1021", "5")
    assert (await s.state(order("a", SELL, LIMIT, "1"))).executed_quote == 1010


@alike
async def test_a_limit_order_fills_by_parts_as_volume_comes(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, LIMIT, "2", "990"))
    await s.tick("980", "990", "0.05")
    seen: list[Any] = [(await s.state(order("a", BUY, LIMIT, "2"))).executed_quantity]
    await s.tick("981", "990", "0.02")
    seen.append((await s.state(order("a", BUY, LIMIT, "2"))).executed_quantity)
    # with the tick's own trade of 0.001
    assert seen == [D("0.051"), D("0.071")]


@alike
async def test_what_an_immediate_order_does_not_get_expires(s: Scenario) -> None:
    await s.tick("999", "1000", "0.5")
    report = await s.place(order("a", BUY, LIMIT, "2", "1000", tif="IOC"))
    assert got(report.order) == (EXPIRED, D("0.499"))
    assert (await s.balance("USDC"))[1] == 0


@alike
async def test_fill_or_kill_kills_what_cannot_be_filled(s: Scenario) -> None:
    await s.tick("999", "1000", "0.5")
    report = await s.place(order("a", BUY, LIMIT, "2", "1000", tif="FOK"))
    assert got(report.order) == (EXPIRED, 0)


@alike
async def test_fill_or_kill_fills_what_can_be_filled(s: Scenario) -> None:
    await s.tick("999", "1000", "3")
    report = await s.place(order("a", BUY, LIMIT, "2", "1000", tif="FOK"))
    assert report.order.status is FILLED


@alike
async def test_a_maker_order_that_would_take_is_refused(s: Scenario) -> None:
    await s.tick("999", "1000")
    refused = await s.refused(s.place(order("a", BUY, MAKER, "1", "1000")))
    assert refused == (-2010, "-2010 Order would immediately match and take.")


@alike
async def test_a_maker_order_rests_and_fills_as_maker(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, MAKER, "0.5", "998"))
    await s.tick("990", "991")
    trades = await s.exchange.trades(SYMBOL, from_id=1)
    assert trades
    assert all(trade.is_maker for trade in trades)


@alike
async def test_orders_at_one_price_fill_in_the_order_they_came(s: Scenario) -> None:
    await s.tick("999", "1000")
    for name in "abc":
        await s.place(order(name, BUY, LIMIT, "1", "990"))
    await s.tick("980", "990", "1.5")
    done: list[Any] = [(await s.state(order(name, BUY, LIMIT, "1"))).executed_quantity for name in "abc"]
    assert done == [1, D("0.501"), 0]
