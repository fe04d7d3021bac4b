"""New orders: what each type does, and the shape of its answer (rules: orders reference)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from simulator.engine.rules import PriceRangeRule
from tests.contract.twin_rest import (
    BNB,
    BTC,
    FIXTURE,
    LIMIT_BUY,
    LIMIT_SELL,
    MARKET_BUY,
    STOP_SELL,
    RestClient,
    fixture_with,
    refusal,
)

ACK = ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
RESULT = [
    *ACK,
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "workingTime",
    "selfTradePreventionMode",
]
VIEW = {
    "symbol",
    "orderId",
    "orderListId",
    "clientOrderId",
    "price",
    "origQty",
    "executedQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "stopPrice",
    "icebergQty",
    "time",
    "updateTime",
    "isWorking",
    "workingTime",
    "origQuoteOrderQty",
    "selfTradePreventionMode",
}
NO_FUNDS = "Account has insufficient balance for requested action."


@pytest.mark.parametrize(
    ("order", "asked", "fields"),
    [
        (LIMIT_BUY, None, {*RESULT, "fills"}),
        (MARKET_BUY, None, {*RESULT, "fills"}),
        (STOP_SELL, None, set(ACK)),
        (LIMIT_BUY, "ACK", set(ACK)),
        (LIMIT_BUY, "RESULT", set(RESULT)),
        (STOP_SELL, "RESULT", {*RESULT, "stopPrice"}),
        (STOP_SELL, "FULL", {*RESULT, "stopPrice", "fills"}),
    ],
)
async def test_the_answer_has_the_fields_of_its_response_type(
    rest: RestClient, order: dict[str, Any], asked: str | None, fields: set[str]
) -> None:
    answer = await rest.order(order, newOrderRespType=asked)
    assert set(answer) == fields


async def test_types_on_the_wire_are_texts_for_amounts_and_integers_for_ids_and_times(rest: RestClient) -> None:
    answer = await rest.order(MARKET_BUY)
    assert isinstance(answer["orderId"], int)
    assert answer["orderListId"] == -1
    assert answer["transactTime"] == rest.now_ms
    assert answer["price"] == "0.00000000"
    assert answer["timeInForce"] == "GTC"
    assert answer["executedQty"] == "0.10000000"
    assert answer["cummulativeQuoteQty"] == "5000.00100000"
    assert answer["fills"] == [
        {
            "price": "50000.01000000",
            "qty": "0.10000000",
            "commission": "0.00020000",
            "commissionAsset": "BTC",
            "tradeId": 1,
        }
    ]


async def test_market_order_takes_level_after_level_at_their_prices(rest: RestClient) -> None:
    answer = await rest.order(MARKET_BUY, quantity="2.5")
    assert [(fill["price"], fill["qty"]) for fill in answer["fills"]] == [
        ("50000.01000000", "1.00000000"),
        ("50001.00000000", "1.50000000"),
    ]
    assert answer["status"] == "FILLED"


async def test_market_order_that_exhausts_the_book_expires_with_what_it_got(rest: RestClient) -> None:
    answer = await rest.order(MARKET_BUY, quantity="7")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "6.00000000")
    assert answer["expiryReason"] == "INSUFFICIENT_LIQUIDITY"


async def test_market_order_by_quote_spends_as_close_as_the_lot_size_allows(rest: RestClient) -> None:
    answer = await rest.order(MARKET_BUY, quantity=None, quoteOrderQty="1000")
    assert answer["origQuoteOrderQty"] == "1000.00000000"
    assert answer["executedQty"] == "0.01999000"
    assert Decimal(answer["cummulativeQuoteQty"]) <= 1000
    assert answer["status"] == "FILLED"


async def test_market_sell_by_quote_receives_that_much(rest: RestClient) -> None:
    answer = await rest.order(MARKET_BUY, side="SELL", quantity=None, quoteOrderQty="4999.999")
    assert answer["executedQty"] == "0.10000000"


async def test_quote_order_on_an_empty_book_is_rejected(rest: RestClient) -> None:
    response = await rest.post("order", MARKET_BUY, symbol=BNB, quantity=None, quoteOrderQty="1000")
    assert refusal(response) == (400, -2010, "Order book liquidity is less than symbol minimum quantity.")


async def test_quantity_order_on_an_empty_book_expires(rest: RestClient) -> None:
    answer = await rest.order(MARKET_BUY, symbol=BNB, quantity="1")
    assert (answer["status"], answer["expiryReason"]) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")


async def test_market_order_beyond_the_balance_is_rejected_whole(rest: RestClient) -> None:
    response = await rest.signed("POST", "order", MARKET_BUY, account="poor")
    assert refusal(response) == (400, -2010, NO_FUNDS)


async def test_limit_order_beyond_the_balance_is_rejected(rest: RestClient) -> None:
    response = await rest.post("order", LIMIT_SELL, quantity="10.1")
    assert refusal(response) == (400, -2010, NO_FUNDS)


async def test_limit_order_rests_and_locks_its_funds(rest: RestClient) -> None:
    answer = await rest.order(LIMIT_BUY)
    assert (answer["status"], answer["fills"], answer["workingTime"]) == ("NEW", [], rest.now_ms)
    assert await rest.balance("USDT") == (Decimal(995_100), Decimal(4_900))
    depth = (await rest.get("depth", symbol=BTC)).json()
    assert ["49000.00000000", "0.10000000"] in depth["bids"]


async def test_limit_order_that_crosses_takes_and_rests_with_the_remainder(rest: RestClient) -> None:
    answer = await rest.order(LIMIT_BUY, price="50000.50", quantity="1.5")
    assert (answer["status"], answer["executedQty"]) == ("PARTIALLY_FILLED", "1.00000000")
    assert answer["fills"][0]["price"] == "50000.01000000"
    free, locked = await rest.balance("USDT")
    assert locked == Decimal("25000.25")
    assert free == Decimal(1_000_000) - Decimal("50000.01") - locked


async def test_resting_order_fills_as_maker_at_its_own_price_with_the_maker_rate(rest: RestClient) -> None:
    order = await rest.order(LIMIT_SELL, price="50000.00")
    rest.outside("BUY", "0.04")
    view = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    assert (view["status"], view["executedQty"]) == ("PARTIALLY_FILLED", "0.04000000")
    trades = await rest.query("myTrades", symbol=BTC)
    assert (trades[0]["isMaker"], trades[0]["price"], trades[0]["commission"]) == (
        True,
        "50000.00000000",
        "2.00000000",
    )
    assert trades[0]["commissionAsset"] == "USDT"


async def test_ioc_fills_what_it_can_and_expires(rest: RestClient) -> None:
    answer = await rest.order(LIMIT_BUY, timeInForce="IOC", price="50000.01", quantity="1.5")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "1.00000000")
    assert answer["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"


async def test_fok_fills_all_or_expires_untouched(rest: RestClient) -> None:
    answer = await rest.order(LIMIT_BUY, timeInForce="FOK", price="50000.01", quantity="1.5")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.00000000")
    assert answer["expiryReason"] == "UNFILLED_FOK_ORDER_EXPIRED"
    assert (await rest.order(LIMIT_BUY, timeInForce="FOK", price="50001", quantity="2"))["status"] == "FILLED"


async def test_limit_maker_that_would_take_is_rejected(rest: RestClient) -> None:
    response = await rest.post("order", LIMIT_BUY, type="LIMIT_MAKER", timeInForce=None, price="50000.01")
    assert refusal(response) == (400, -2010, "Order would immediately match and take.")
    answer = await rest.order(
        LIMIT_BUY, type="LIMIT_MAKER", timeInForce=None, price="50000.00", newOrderRespType="RESULT"
    )
    assert answer["status"] == "NEW"


@pytest.mark.parametrize(
    ("side", "kind", "wrong", "right"),
    [
        ("BUY", "STOP_LOSS", "50000", "50000.01"),
        ("SELL", "STOP_LOSS", "50000", "49999.99"),
        ("BUY", "TAKE_PROFIT", "50000", "49999.99"),
        ("SELL", "TAKE_PROFIT", "50000", "50000.01"),
    ],
)
async def test_stop_price_must_stand_on_its_side_of_the_last_trade(
    rest: RestClient, side: str, kind: str, wrong: str, right: str
) -> None:
    order = {"symbol": BTC, "side": side, "type": kind, "quantity": "0.1"}
    response = await rest.post("order", order, stopPrice=wrong)
    assert refusal(response) == (400, -2010, "Order would trigger immediately.")
    accepted = await rest.order(order, stopPrice=right, newOrderRespType="RESULT")
    assert (accepted["status"], accepted["workingTime"]) == ("NEW", -1)


async def test_stop_limit_waits_for_a_trade_then_works_at_its_limit(rest: RestClient) -> None:
    order = await rest.order(STOP_SELL, stopPrice="49999.50", price="49990")
    view = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    assert (view["status"], view["isWorking"], view["workingTime"]) == ("NEW", False, -1)
    rest.outside("SELL", "1")
    assert (await rest.query("order", symbol=BTC, orderId=order["orderId"]))["isWorking"] is False
    rest.outside("SELL", "0.5")
    view = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    assert (view["status"], view["isWorking"]) == ("FILLED", True)
    assert (await rest.query("myTrades", symbol=BTC))[0]["price"] == "49999.00000000"


async def test_stop_market_sells_at_whatever_the_book_gives(rest: RestClient) -> None:
    order = await rest.order(
        {"symbol": BTC, "side": "SELL", "type": "STOP_LOSS", "quantity": "3", "stopPrice": "49999"}
    )
    rest.outside("SELL", "1.5")
    view = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    assert (view["status"], view["executedQty"]) == ("FILLED", "3.00000000")
    trades = await rest.query("myTrades", symbol=BTC)
    assert [row["price"] for row in trades] == ["49999.00000000", "49990.00000000"]


async def test_trailing_stop_follows_the_highest_trade_and_fires_on_the_drop(rest: RestClient) -> None:
    order = await rest.order(
        {"symbol": BTC, "side": "SELL", "type": "STOP_LOSS", "quantity": "0.1", "trailingDelta": "100"}
    )
    rest.twin.operations.set_liquidity(BTC, [(Decimal(50999), Decimal(5))], [(Decimal(51000), Decimal(5))])
    rest.outside("BUY", "1")
    rest.twin.operations.set_liquidity(BTC, [(Decimal(50500), Decimal(5))], [(Decimal(50501), Decimal(5))])
    rest.outside("SELL", "1")
    assert (await rest.query("order", symbol=BTC, orderId=order["orderId"]))["status"] == "NEW"
    rest.twin.operations.set_liquidity(BTC, [(Decimal(50490), Decimal(5))], [(Decimal(50491), Decimal(5))])
    rest.outside("SELL", "1")
    view = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    assert (view["status"], view["trailingDelta"]) == ("FILLED", 100)


async def test_iceberg_shows_only_its_part(rest: RestClient) -> None:
    await rest.order(LIMIT_SELL, quantity="1", icebergQty="0.2")
    depth = (await rest.get("depth", symbol=BTC)).json()
    assert ["51000.00000000", "0.20000000"] in depth["asks"]


async def test_pegged_order_takes_the_price_of_its_own_side(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY, price=None, pegPriceType="PRIMARY_PEG")
    assert (order["price"], order["peggedPrice"], order["pegPriceType"]) == (
        "0.00000000",
        "49999.99000000",
        "PRIMARY_PEG",
    )
    deeper = await rest.order(
        LIMIT_BUY, price=None, pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL", pegOffsetValue="1"
    )
    assert deeper["peggedPrice"] == "49999.00000000"


async def test_client_order_id_is_unique_among_open_orders_only(rest: RestClient) -> None:
    await rest.order(LIMIT_BUY, newClientOrderId="mine")
    response = await rest.post("order", LIMIT_BUY, newClientOrderId="mine")
    assert refusal(response) == (400, -2010, "Duplicate order sent.")
    await rest.signed("DELETE", "order", {"symbol": BTC, "origClientOrderId": "mine"})
    await rest.order(MARKET_BUY, newClientOrderId="mine")
    await rest.order(MARKET_BUY, newClientOrderId="mine")


async def test_query_by_client_id_finds_the_newest(rest: RestClient) -> None:
    await rest.order(MARKET_BUY, newClientOrderId="mine")
    second = await rest.order(MARKET_BUY, newClientOrderId="mine")
    view = await rest.query("order", symbol=BTC, origClientOrderId="mine")
    assert view["orderId"] == second["orderId"]


async def test_order_view_has_its_fields(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY, strategyId="4", strategyType="1000001")
    view = await rest.query("order", symbol=BTC, orderId=order["orderId"])
    assert set(view) == VIEW | {"strategyId", "strategyType"}
    assert (view["strategyId"], view["strategyType"], view["isWorking"]) == (4, 1000001, True)


async def test_both_ids_must_belong_together(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY, newClientOrderId="mine")
    ids = {"symbol": BTC, "orderId": order["orderId"], "origClientOrderId": "other"}
    assert refusal(await rest.signed("GET", "order", ids)) == (
        400,
        -2039,
        "Client order ID is not correct for this order ID.",
    )
    assert refusal(await rest.signed("DELETE", "order", ids)) == (400, -2011, "Unknown order sent.")


async def test_order_test_with_rates_tells_the_commissions(rest: RestClient) -> None:
    assert (await rest.post("order/test", LIMIT_BUY)).json() == {}
    answer = (await rest.post("order/test", LIMIT_BUY, computeCommissionRates="true")).json()
    assert answer["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00200000"}
    assert answer["discount"]["discountAsset"] == "BNB"


async def test_commission_is_paid_in_bnb_with_the_discount_when_there_is_enough() -> None:
    accounts = [{**FIXTURE["accounts"][0], "balances": {"USDT": "100000", "BNB": "1"}}]
    rest = RestClient(fixture_with(accounts=accounts))
    async with rest.http:
        rest.twin.state.exchange.account("alice").bnb_discount = True
        answer = await rest.order(MARKET_BUY, quantity="0.1")
        # 0.1 BTC x 0.2 % x 0.75 = 0.00015 BTC = 7.5 USDT (at 50000.01) = 0.015 BNB at 500
        assert answer["fills"][0]["commissionAsset"] == "BNB"
        assert answer["fills"][0]["commission"] == "0.01500000"
        assert await rest.balance("BTC") == (Decimal("0.1"), Decimal(0))


async def test_halted_symbol_takes_cancels_but_no_orders(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    rest.twin.operations.change_symbol(BTC, status="HALT")
    assert refusal(await rest.post("order", LIMIT_BUY)) == (400, -2010, "Market is closed.")
    call = {"symbol": BTC, "orderId": order["orderId"]}
    assert (await rest.signed("DELETE", "order", call)).json()["status"] == "CANCELED"


async def test_price_range_rule_stops_a_taker_at_the_bound(rest: RestClient) -> None:
    exchange = rest.twin.state.exchange
    rule = PriceRangeRule(Decimal("1.0001"), Decimal("0.9"), Decimal("1.1"), Decimal("0.9999"))
    exchange.market(BTC).rules = replace(exchange.market(BTC).rules, price_range_rule=rule)
    exchange.set_reference_price(BTC, Decimal(50000), rest.now_ms)
    answer = await rest.order(MARKET_BUY, quantity="5")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "3.00000000")
    assert answer["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
    rules = (await rest.get("executionRules", symbol=BTC)).json()["symbolRules"]
    assert rules[0]["rules"][0]["ruleType"] == "PRICE_RANGE"
