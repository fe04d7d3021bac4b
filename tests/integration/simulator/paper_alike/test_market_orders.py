"""Orders at market."""

from __future__ import annotations

import pytest

from tests.integration.simulator.paper_alike.exchanges import Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    EXPIRED,
    FILLED,
    MARKET,
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
async def test_a_market_buy_takes_the_offers_it_meets(s: Scenario) -> None:
    await s.tick("999", "1000", "2")
    report = await s.place(order("a", BUY, MARKET, "3"))
    # 0.001 of the best level went to the tick's own trade
    assert fills_of(report) == [("1000.00000000", "1.99900000"), ("1000.50000000", "1.00100000")]
    assert got(report.order) == (FILLED, 3)


@alike
async def test_a_market_sale_takes_the_bids(s: Scenario) -> None:
    await with_coins(s)
    report = await s.place(order("a", SELL, MARKET, "1.5"))
    assert fills_of(report) == [("999.00000000", "1.00000000"), ("998.50000000", "0.50000000")]
    assert (await s.balance("USDC"))[0] == D(10_000) + (D(999) + D("499.25")) * D("0.999")


@alike
async def test_a_market_order_that_finds_too_little_expires_with_what_it_got(s: Scenario) -> None:
    await s.tick("999", "1000", "0.01")
    await s.deposit("USDC", "10000")
    report = await s.place(order("a", BUY, MARKET, "9"))
    # 0.01 less the tick's trade, 20 times that much and 200 times that much behind it
    assert got(report.order) == (EXPIRED, D("2.209"))


@alike
async def test_a_market_buy_beyond_the_balance_is_refused(s: Scenario) -> None:
    await s.tick("999", "1000", "20")
    refused = await s.refused(s.place(order("a", BUY, MARKET, "11")))
    assert refused == (-2010, "-2010 Account has insufficient balance for requested action.")


@alike
async def test_a_market_order_in_an_empty_book_expires_with_nothing(s: Scenario) -> None:
    report = await s.place(order("a", BUY, MARKET, "1"))
    assert got(report.order) == (EXPIRED, 0)
