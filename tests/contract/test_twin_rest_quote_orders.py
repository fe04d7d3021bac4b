"""Market orders by quote quantity at their edges (rules: changelog 2023-03-13 and 2023-07-11)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.twin_rest import BTC, MARKET_BUY, RestClient, refusal

BY_QUOTE = {"symbol": BTC, "type": "MARKET"}
THIN = Decimal("0.001")


def thin_book(rest: RestClient, quantity: Decimal = THIN) -> None:
    rest.twin.operations.set_liquidity(BTC, [(Decimal("49999.99"), quantity)], [(Decimal("50000.01"), quantity)])


def lot_filter(rest: RestClient, name: str, high: str) -> None:
    step = "0.00001" if name == "LOT_SIZE" else "0"
    rest.twin.operations.change_symbol(
        BTC, filters=[{"filterType": name, "minQty": "0", "maxQty": high, "stepSize": step}]
    )


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_a_quote_quantity_beyond_the_book_expires_with_what_it_got(rest: RestClient, side: str) -> None:
    thin_book(rest)
    answer = await rest.order(BY_QUOTE, side=side, quoteOrderQty="100")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.00100000")
    assert answer["expiryReason"] == "INSUFFICIENT_LIQUIDITY"
    assert Decimal(answer["origQty"]) > Decimal(answer["executedQty"])
    view = await rest.query("order", symbol=BTC, orderId=answer["orderId"])
    assert (view["status"], view["origQuoteOrderQty"]) == ("EXPIRED", "100.00000000")
    for asset in ("BTC", "USDT"):
        assert (await rest.balance(asset))[1] == 0, asset


async def test_a_sale_by_quote_beyond_the_book_needs_only_what_the_book_takes(rest: RestClient) -> None:
    thin_book(rest, Decimal(1))
    answer = await rest.order(BY_QUOTE, side="SELL", quoteOrderQty="800000")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "1.00000000")


async def test_what_the_lot_size_cannot_spend_leaves_the_order_filled(rest: RestClient) -> None:
    answer = await rest.order(BY_QUOTE, side="BUY", quoteOrderQty="1000")
    assert (answer["status"], answer["executedQty"], answer["origQty"]) == ("FILLED", "0.01999000", "0.01999000")


async def test_a_book_thinner_than_the_smallest_lot_refuses_it(rest: RestClient) -> None:
    thin_book(rest, Decimal("0.00005"))
    response = await rest.post("order", BY_QUOTE, side="BUY", quoteOrderQty="100")
    message = "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
    assert refusal(response) == (400, -2010, message)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("name", ["MARKET_LOT_SIZE", "LOT_SIZE"])
async def test_a_quote_quantity_worth_more_than_the_largest_lot_is_refused(
    rest: RestClient, name: str, side: str
) -> None:
    lot_filter(rest, name, "0.001")
    order: dict[str, Any] = {**BY_QUOTE, "side": side, "quoteOrderQty": "100"}
    for path in ("order", "order/test"):
        assert refusal(await rest.post(path, order)) == (400, -1013, f"Filter failure: {name}")
    assert await rest.query("myTrades", symbol=BTC) == []
    answer = await rest.order(order, quoteOrderQty="50")
    assert Decimal(answer["executedQty"]) <= Decimal("0.001")


async def test_a_quote_quantity_that_would_exceed_the_largest_position_is_refused(rest: RestClient) -> None:
    rest.twin.operations.change_symbol(BTC, filters=[{"filterType": "MAX_POSITION", "maxPosition": "10.001"}])
    order: dict[str, Any] = {**BY_QUOTE, "side": "BUY", "quoteOrderQty": "100"}
    assert refusal(await rest.post("order", order)) == (400, -1013, "Filter failure: MAX_POSITION")
    await rest.order(order, quoteOrderQty="50")


async def test_a_replacement_that_is_too_large_cancels_nothing(rest: RestClient) -> None:
    lot_filter(rest, "MARKET_LOT_SIZE", "0.001")
    resting = await rest.order(MARKET_BUY, type="LIMIT", timeInForce="GTC", price="49000")
    replacement = {**BY_QUOTE, "side": "BUY", "quoteOrderQty": "100", "cancelReplaceMode": "ALLOW_FAILURE"}
    response = await rest.post("order/cancelReplace", replacement, cancelOrderId=resting["orderId"])
    assert refusal(response)[1:] == (-1013, "Filter failure: MARKET_LOT_SIZE")
    assert (await rest.query("order", symbol=BTC, orderId=resting["orderId"]))["status"] == "NEW"
