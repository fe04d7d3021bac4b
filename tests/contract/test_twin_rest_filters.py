"""Each filter of exchangeInfo, just inside and just outside (rules: filters reference)."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.twin_rest import (
    BTC,
    FIXTURE,
    LIMIT_BUY,
    LIMIT_SELL,
    MARKET_BUY,
    OCO_SELL,
    STOP_SELL,
    RestClient,
    fixture_with,
    refusal,
)

TRAILING = {
    "symbol": BTC,
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "48900",
    "trailingDelta": "100",
}

# (filter, order, change that passes, change that fails)
CASES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("PRICE_FILTER", LIMIT_BUY, {"price": "49000.01"}, {"price": "49000.001"}),
    ("PRICE_FILTER", LIMIT_SELL, {"price": "99999.99"}, {"price": "200000.01"}),
    ("PRICE_FILTER", STOP_SELL, {"stopPrice": "49000.01"}, {"stopPrice": "49000.005"}),
    ("LOT_SIZE", LIMIT_BUY, {"quantity": "0.00103"}, {"quantity": "0.001031"}),
    ("LOT_SIZE", MARKET_BUY, {"quantity": "0.00103"}, {"quantity": "0.00009"}),
    ("LOT_SIZE", LIMIT_BUY, {"icebergQty": "0.05"}, {"icebergQty": "0.0500001"}),
    ("MARKET_LOT_SIZE", MARKET_BUY, {"quantity": "5"}, {"quantity": "20.00001"}),
    ("ICEBERG_PARTS", LIMIT_BUY, {"icebergQty": "0.01"}, {"icebergQty": "0.009"}),
    ("PERCENT_PRICE_BY_SIDE", LIMIT_BUY, {"price": "25000"}, {"price": "24999.99"}),
    ("PERCENT_PRICE_BY_SIDE", LIMIT_BUY, {"price": "75000", "quantity": "0.2"}, {"price": "75000.01"}),
    ("PERCENT_PRICE_BY_SIDE", LIMIT_SELL, {"price": "100000"}, {"price": "100000.01"}),
    ("PERCENT_PRICE_BY_SIDE", LIMIT_SELL, {"price": "40000"}, {"price": "39999.99"}),
    ("NOTIONAL", LIMIT_BUY, {"quantity": "0.00025", "price": "40000"}, {"quantity": "0.00024", "price": "40000"}),
    ("NOTIONAL", MARKET_BUY, {"quantity": "0.00020"}, {"quantity": "0.00019"}),
    ("NOTIONAL", MARKET_BUY, {"quantity": None, "quoteOrderQty": "10"}, {"quantity": None, "quoteOrderQty": "9.99"}),
    ("NOTIONAL", LIMIT_BUY, {"quantity": "20", "price": "49000"}, {"quantity": "20.5", "price": "49000"}),
    ("TRAILING_DELTA", TRAILING, {"trailingDelta": "20"}, {"trailingDelta": "19"}),
    ("TRAILING_DELTA", TRAILING, {"trailingDelta": "1000"}, {"trailingDelta": "1001"}),
    (
        "TRAILING_DELTA",
        TRAILING,
        {"type": "TAKE_PROFIT_LIMIT", "trailingDelta": "2000"},
        {"type": "TAKE_PROFIT_LIMIT", "trailingDelta": "2001"},
    ),
    ("MAX_POSITION", LIMIT_BUY, {"quantity": "30", "price": "30000"}, {"quantity": "30.1", "price": "30000"}),
]


@pytest.mark.parametrize(
    ("name", "order", "passes", "fails"), CASES, ids=[f"{index} {case[0]}" for index, case in enumerate(CASES)]
)
async def test_a_filter_lets_its_edge_pass_and_refuses_what_lies_beyond(
    rest: RestClient, name: str, order: dict[str, Any], passes: dict[str, Any], fails: dict[str, Any]
) -> None:
    assert refusal(await rest.post("order", order, **fails)) == (400, -1013, f"Filter failure: {name}")
    accepted = await rest.post("order", order, **passes)
    assert accepted.status_code == 200, accepted.text


async def test_max_num_orders_counts_open_orders(rest: RestClient) -> None:
    for _ in range(6):
        await rest.order(LIMIT_BUY)
    assert refusal(await rest.post("order", LIMIT_BUY)) == (400, -1013, "Filter failure: MAX_NUM_ORDERS")
    await rest.order(MARKET_BUY)


async def test_max_num_orders_counts_both_legs_of_a_list(rest: RestClient) -> None:
    for _ in range(5):
        await rest.order(LIMIT_BUY)
    response = await rest.post("orderList/oco", OCO_SELL)
    assert refusal(response) == (400, -1013, "Filter failure: MAX_NUM_ORDERS")


async def test_max_num_algo_orders_counts_stops_only(rest: RestClient) -> None:
    for _ in range(3):
        await rest.order(STOP_SELL)
    assert refusal(await rest.post("order", STOP_SELL)) == (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    await rest.order(LIMIT_BUY)


async def test_max_num_iceberg_orders_counts_icebergs_only(rest: RestClient) -> None:
    await rest.order(LIMIT_BUY, icebergQty="0.05")
    response = await rest.post("order", LIMIT_BUY, icebergQty="0.05")
    assert refusal(response) == (400, -1013, "Filter failure: MAX_NUM_ICEBERG_ORDERS")


async def test_max_num_order_lists_counts_open_lists(rest: RestClient) -> None:
    for _ in range(2):
        assert (await rest.post("orderList/oco", OCO_SELL)).status_code == 200
    response = await rest.post("orderList/oco", OCO_SELL)
    assert refusal(response) == (400, -1013, "Filter failure: MAX_NUM_ORDER_LISTS")


async def test_max_num_order_amends_has_a_code_of_its_own(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    for quantity in ("0.09", "0.08"):
        call = {"symbol": BTC, "orderId": order["orderId"], "newQty": quantity}
        assert (await rest.signed("PUT", "order/amend/keepPriority", call)).status_code == 200
    call = {"symbol": BTC, "orderId": order["orderId"], "newQty": "0.07"}
    response = await rest.signed("PUT", "order/amend/keepPriority", call)
    assert refusal(response)[:2] == (400, -2038)


async def test_exchange_filters_count_over_all_symbols() -> None:
    filters = [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 2}]
    rest = RestClient(fixture_with(exchange_filters=filters))
    async with rest.http:
        await rest.order(LIMIT_BUY)
        await rest.order(LIMIT_BUY, symbol="BNBUSDT", price="400")
        assert refusal(await rest.post("order", LIMIT_BUY)) == (400, -1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS")
        info = (await rest.get("exchangeInfo")).json()
        assert info["exchangeFilters"] == filters


async def test_one_order_trades_no_more_of_an_asset_than_its_account_may() -> None:
    alice = {**FIXTURE["accounts"][0], "max_assets": {"BTC": "0.1"}}
    rest = RestClient(fixture_with(accounts=[alice]))
    async with rest.http:
        await rest.order(LIMIT_BUY, quantity="0.1")
        response = await rest.post("order", LIMIT_BUY, quantity="0.10001")
        assert refusal(response) == (400, -1013, "Filter failure: MAX_ASSET")
        own = await rest.query("myFilters", symbol=BTC)
        assert own["assetFilters"] == [{"filterType": "MAX_ASSET", "asset": "BTC", "limit": "0.10000000"}]


async def test_filters_measure_by_the_reference_price_when_there_is_one(rest: RestClient) -> None:
    rest.twin.state.exchange.set_reference_price(BTC, Decimal(40000), rest.now_ms)
    assert refusal(await rest.post("order", LIMIT_BUY, price="60000.01"))[1] == -1013
    assert (await rest.post("order", LIMIT_BUY, price="20000")).status_code == 200
    answer = (await rest.get("referencePrice", symbol=BTC)).json()
    assert answer == {"symbol": BTC, "referencePrice": "40000.00000000", "timestamp": rest.now_ms}


async def test_a_filter_of_zero_is_off() -> None:
    fixture = deepcopy(FIXTURE)
    fixture["symbols"][0]["filters"] = [
        {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": "0"},
        {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "0", "stepSize": "0"},
        {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": False, "avgPriceMins": 0},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 0},
    ]
    rest = RestClient(fixture_with(symbols=fixture["symbols"]))
    async with rest.http:
        await rest.order(LIMIT_BUY, price="49000.123456", quantity="0.00123456")
        await rest.order(MARKET_BUY, quantity="0.00001")
        assert refusal(await rest.post("order", LIMIT_BUY, quantity="0.0001"))[2] == "Filter failure: MIN_NOTIONAL"
        assert refusal(await rest.post("order", LIMIT_BUY, price="9999"))[2] == "Filter failure: PERCENT_PRICE"
