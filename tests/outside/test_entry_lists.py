"""A limit order to buy brings its stop and target along: what it buys is protected whoever is alive."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.outside.platform import Platform, eventually

pytestmark = pytest.mark.integration
A = "AAAUSDC"


def test_what_is_bought_while_the_trader_is_dead_is_protected_and_sold(platform: Platform) -> None:
    answer = platform.buy(A, "8", type="LIMIT", price="99", stop_loss="95", take_profit="110")
    assert answer.status_code == 201, answer.text
    trader = platform.services["trader"]
    trader.kill()
    platform.trade(A, "SELL", "0.01")
    platform.market(A, [["98.90", "1000"]], [["98.95", "1000"]])
    eventually(lambda: platform.operator.stops(A) > Decimal("7.98"), "the exchange has placed the stop", 5)
    platform.market(A, [["94.00", "1000"]], [["94.10", "1000"]])
    platform.trade(A, "SELL", "0.01")
    eventually(lambda: platform.operator.held("AAA") < Decimal("0.02"), "the stop sold", 5)
    trader.start()
    eventually(lambda: platform.is_flat(A), "the position has ended, with what it brought", 60)
    assert platform.cycle(A)["exit_reason"] == "stop_loss"
    assert platform.cycle(A)["profit_loss"] < -30


def test_an_entry_by_hand_is_canceled_at_its_age(platform: Platform) -> None:
    answer = platform.buy(A, "8", type="LIMIT", price="90", expires_s=2)
    assert answer.status_code == 201, answer.text
    eventually(lambda: platform.cycle(A)["status"] == "canceled", "the order has expired", 10)
    assert platform.operator.open_orders(A) == []


def test_an_order_at_market_is_told_as_it_was_asked_for(platform: Platform) -> None:
    order = platform.buy(A, "4").json()
    assert (order["type"], order["sent_type"], order["time_in_force"]) == ("MARKET", "LIMIT", "IOC")
    assert platform.rows("SELECT type FROM orders WHERE symbol = %s AND side = 'BUY'", A) == [{"type": "MARKET"}]
