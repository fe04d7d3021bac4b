"""One's own orders, fees and times."""

from __future__ import annotations

import pytest

from shared.src.domain.orders import OrderStatus
from tests.integration.simulator.paper_alike.exchanges import SYMBOL, BothExchanges, Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    LIMIT,
    MARKET,
    NEW,
    SELL,
    D,
    alike,
    fills_of,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


@alike
async def test_one_does_not_trade_with_oneself(s: Scenario) -> None:
    await with_coins(s)
    await s.place(order("mine", SELL, LIMIT, "1", "999.5"))
    report = await s.place(order("a", BUY, LIMIT, "1", "999.5"))
    assert (await s.state(order("mine", SELL, LIMIT, "1"))).status is OrderStatus.EXPIRED_IN_MATCH
    assert (report.order.status, fills_of(report)) == (NEW, [])


@alike
async def test_the_fee_is_taken_from_what_one_gets(s: Scenario) -> None:
    await s.tick("999", "1000", "3")
    bought = (await s.place(order("a", BUY, MARKET, "1"))).fills[0]
    assert (bought.fee, bought.fee_asset) == (D("0.001"), "BTC")
    sold = (await s.place(order("b", SELL, MARKET, "0.999"))).fills[0]
    assert (sold.fee, sold.fee_asset) == (D("0.998001"), "USDC")
    assert await s.balance("BTC") == (0, 0)


@alike
async def test_an_order_remembers_when_things_happened(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, LIMIT, "1", "990"))
    await s.pass_time(61_000)
    await s.tick("980", "981", "3")
    trade = (await s.exchange.trades(SYMBOL, from_id=0))[0]
    assert trade.time_ms == 1_767_225_661_000


async def test_both_take_the_fee_in_bnb_with_its_discount_while_there_is_some(both: BothExchanges) -> None:
    async def trade(s: Scenario) -> None:
        await s.tick("499", "500", symbol="BNBUSDC")
        await s.tick("999", "1000", "5")
        await s.deposit("BNB", "0.002")
        cheap = (await s.place(order("a", BUY, MARKET, "1"))).fills[0]
        assert (cheap.fee, cheap.fee_asset) == (D("0.0015"), "BNB")
        dear = (await s.place(order("b", BUY, MARKET, "1"))).fills[0]
        assert (dear.fee, dear.fee_asset) == (D("0.001"), "BTC")

    await both.play(trade, bnb=True)
