"""Cancel, cancel-replace and amend (rules: trading endpoints and order amend reference)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.twin_rest import BTC, LIMIT_BUY, LIMIT_SELL, MARKET_BUY, OCO_SELL, RestClient, fixture_with, refusal

CANCEL = {
    "symbol",
    "origClientOrderId",
    "orderId",
    "orderListId",
    "clientOrderId",
    "transactTime",
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "selfTradePreventionMode",
}
KEEP_PRIORITY = "order/amend/keepPriority"


async def test_cancel_answers_with_both_ids_and_frees_the_funds(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY, newClientOrderId="mine")
    call = {"symbol": BTC, "orderId": order["orderId"], "newClientOrderId": "the-cancel"}
    answer = (await rest.signed("DELETE", "order", call)).json()
    assert set(answer) == CANCEL
    assert (answer["origClientOrderId"], answer["clientOrderId"], answer["status"]) == (
        "mine",
        "the-cancel",
        "CANCELED",
    )
    assert (await rest.balance("USDT"))[1] == 0


async def test_a_finished_order_cannot_be_cancelled(rest: RestClient) -> None:
    order = await rest.order(MARKET_BUY)
    response = await rest.signed("DELETE", "order", {"symbol": BTC, "orderId": order["orderId"]})
    assert refusal(response) == (400, -2011, "Unknown order sent.")


@pytest.mark.parametrize(
    ("restriction", "filled", "succeeds"),
    [
        ("ONLY_NEW", False, True),
        ("ONLY_NEW", True, False),
        ("ONLY_PARTIALLY_FILLED", False, False),
        ("ONLY_PARTIALLY_FILLED", True, True),
    ],
)
async def test_cancel_restrictions(rest: RestClient, restriction: str, filled: bool, succeeds: bool) -> None:
    order = await rest.order(LIMIT_SELL, price="50000.00")
    if filled:
        rest.outside("BUY", "0.05")
    call = {"symbol": BTC, "orderId": order["orderId"], "cancelRestrictions": restriction}
    response = await rest.signed("DELETE", "order", call)
    assert response.is_success is succeeds
    if not succeeds:
        assert refusal(response) == (400, -2011, "Order was not canceled due to cancel restrictions.")


async def test_cancel_all_answers_with_orders_and_lists(rest: RestClient) -> None:
    await rest.order(LIMIT_BUY)
    await rest.post("orderList/oco", OCO_SELL)
    rows = (await rest.signed("DELETE", "openOrders", {"symbol": BTC})).json()
    assert rows[0]["status"] == "CANCELED"
    assert rows[1]["contingencyType"] == "OCO"
    assert [report["status"] for report in rows[1]["orderReports"]] == ["CANCELED", "CANCELED"]
    assert await rest.query("openOrders") == []


def _replace(order_id: int, **changes: Any) -> dict[str, Any]:
    return {**LIMIT_BUY, "price": "48000", "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": order_id, **changes}


async def test_cancel_replace_of_an_open_order_succeeds_twice(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    response = await rest.signed("POST", "order/cancelReplace", _replace(order["orderId"]))
    body = response.json()
    assert response.status_code == 200
    assert (body["cancelResult"], body["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert body["cancelResponse"]["orderId"] == order["orderId"]
    assert body["newOrderResponse"]["price"] == "48000.00000000"


# More than alice has
TOO_DEAR = {"side": "SELL", "quantity": "11", "price": "60000"}
REPLACE_CASES: list[tuple[str, str, bool, dict[str, Any], int, int, str, str]] = [
    # mode, order exists, change of the new order -> HTTP, code, cancelResult, newOrderResult
    ("cancel fails, stop", "STOP_ON_FAILURE", False, {}, 400, -2022, "FAILURE", "NOT_ATTEMPTED"),
    ("cancel fails, go on", "ALLOW_FAILURE", False, {}, 409, -2021, "FAILURE", "SUCCESS"),
    ("new order fails, stop", "STOP_ON_FAILURE", True, TOO_DEAR, 409, -2021, "SUCCESS", "FAILURE"),
    ("new order fails, go on", "ALLOW_FAILURE", True, TOO_DEAR, 409, -2021, "SUCCESS", "FAILURE"),
    ("both fail", "ALLOW_FAILURE", False, TOO_DEAR, 400, -2022, "FAILURE", "FAILURE"),
]


@pytest.mark.parametrize(
    ("mode", "exists", "change", "status", "code", "cancel", "new"),
    [case[1:] for case in REPLACE_CASES],
    ids=[case[0] for case in REPLACE_CASES],
)
async def test_cancel_replace_reports_each_half(
    rest: RestClient, mode: str, exists: bool, change: dict[str, Any], status: int, code: int, cancel: str, new: str
) -> None:
    order_id = (await rest.order(LIMIT_BUY))["orderId"] if exists else 99
    call = _replace(order_id, cancelReplaceMode=mode, **change)
    response = await rest.signed("POST", "order/cancelReplace", call, headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert ("X-MBX-ORDER-COUNT-1D" in response.headers) == (new == "SUCCESS")
    for half in (body["data"]["cancelResponse"], body["data"]["newOrderResponse"]):
        if half is not None and "transactTime" in half:
            assert half["transactTime"] == rest.now_ms * 1000
    assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == (cancel, new)
    if new == "NOT_ATTEMPTED":
        assert body["data"]["newOrderResponse"] is None
    if new == "FAILURE":
        assert body["data"]["newOrderResponse"]["code"] == -2010
    if cancel == "FAILURE":
        assert body["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}


async def test_filters_are_evaluated_before_anything_is_cancelled(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    response = await rest.signed("POST", "order/cancelReplace", _replace(order["orderId"], price="48000.001"))
    assert refusal(response) == (400, -1013, "Filter failure: PRICE_FILTER")
    assert len(await rest.query("openOrders", symbol=BTC)) == 1


@pytest.mark.parametrize(
    ("mode", "over", "status", "code"),
    [
        ("STOP_ON_FAILURE", "DO_NOTHING", 429, -1015),
        ("STOP_ON_FAILURE", "CANCEL_ONLY", 429, -2021),
        ("ALLOW_FAILURE", "CANCEL_ONLY", 409, -2021),
    ],
)
async def test_cancel_replace_over_the_order_limit(mode: str, over: str, status: int, code: int) -> None:
    rest = RestClient(fixture_with(limits={"weight_1m": 6000, "orders_10s": 1, "orders_1d": 1000}))
    async with rest.http:
        order = await rest.order(LIMIT_BUY)
        call = _replace(order["orderId"], cancelReplaceMode=mode, orderRateLimitExceededMode=over)
        response = await rest.signed("POST", "order/cancelReplace", call)
        assert (response.status_code, response.json()["code"]) == (status, code)
        still_open = len(await rest.query("openOrders", symbol=BTC))
        assert still_open == (1 if over == "DO_NOTHING" else 0)
        if over == "CANCEL_ONLY":
            assert response.json()["data"]["newOrderResponse"]["code"] == -1015
        assert ("Retry-After" in response.headers) == (status == 429)


@pytest.mark.parametrize(
    ("mode", "status", "result", "new"),
    [("STOP_ON_FAILURE", 429, "NOT_ATTEMPTED", None), ("ALLOW_FAILURE", 400, "FAILURE", -1015)],
)
async def test_cancel_only_over_the_order_limit_with_nothing_to_cancel(
    mode: str, status: int, result: str, new: int | None
) -> None:
    rest = RestClient(fixture_with(limits={"weight_1m": 6000, "orders_10s": 1, "orders_1d": 1000}))
    async with rest.http:
        await rest.order(LIMIT_BUY)
        call = _replace(999_999, cancelReplaceMode=mode, orderRateLimitExceededMode="CANCEL_ONLY")
        response = await rest.signed("POST", "order/cancelReplace", call)
    answer = response.json()
    assert (response.status_code, answer["code"], answer["msg"]) == (status, -2022, "Order cancel-replace failed.")
    assert answer["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}
    assert (answer["data"]["cancelResult"], answer["data"]["newOrderResult"]) == ("FAILURE", result)
    refused = answer["data"]["newOrderResponse"]
    assert (None if refused is None else refused["code"]) == new


async def test_amend_reduces_and_keeps_id_and_place(rest: RestClient) -> None:
    first = await rest.order(LIMIT_SELL, price="50000.00", quantity="0.2", newClientOrderId="first")
    await rest.order(LIMIT_SELL, price="50000.00", quantity="0.2", newClientOrderId="second")
    answer = (
        await rest.signed("PUT", KEEP_PRIORITY, {"symbol": BTC, "orderId": first["orderId"], "newQty": "0.1"})
    ).json()
    amended = answer["amendedOrder"]
    assert (amended["orderId"], amended["qty"], amended["origClientOrderId"]) == (
        first["orderId"],
        "0.10000000",
        "first",
    )
    assert amended["clientOrderId"] != "first"
    assert "cumulativeQuoteQty" in amended
    rest.outside("BUY", "0.1")
    assert (await rest.query("order", symbol=BTC, orderId=first["orderId"]))["status"] == "FILLED"
    assert (await rest.query("order", symbol=BTC, origClientOrderId="second"))["executedQty"] == "0.00000000"


async def test_amend_frees_what_is_no_longer_needed_and_is_remembered(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY, newClientOrderId="mine")
    call = {"symbol": BTC, "origClientOrderId": "mine", "newQty": "0.05", "newClientOrderId": "mine"}
    assert (await rest.signed("PUT", KEEP_PRIORITY, call)).status_code == 200
    assert (await rest.balance("USDT"))[1] == 2450
    rows = await rest.query("order/amendments", symbol=BTC, orderId=order["orderId"])
    assert [(row["origQty"], row["newQty"], row["newClientOrderId"]) for row in rows] == [
        ("0.10000000", "0.05000000", "mine")
    ]


@pytest.mark.parametrize(
    ("quantity", "code", "message"),
    [
        ("0.2", -2038, "Order amend (quantity increase) is not supported."),
        ("0.1", -2038, "The requested action would change no state; rejecting"),
        ("0", -1013, "Invalid quantity."),
        ("0.050001", -1013, "Filter failure: LOT_SIZE"),
    ],
)
async def test_amend_refuses_what_is_no_reduction(rest: RestClient, quantity: str, code: int, message: str) -> None:
    order = await rest.order(LIMIT_BUY)
    call = {"symbol": BTC, "orderId": order["orderId"], "newQty": quantity}
    assert refusal(await rest.signed("PUT", KEEP_PRIORITY, call)) == (400, code, message)


async def test_amending_a_leg_of_an_oco_amends_both(rest: RestClient) -> None:
    placed = (await rest.post("orderList/oco", OCO_SELL)).json()
    leg = placed["orders"][0]["orderId"]
    answer = (await rest.signed("PUT", KEEP_PRIORITY, {"symbol": BTC, "orderId": leg, "newQty": "0.05"})).json()
    assert answer["listStatus"]["contingencyType"] == "OCO"
    quantities = [row["origQty"] for row in await rest.query("openOrders", symbol=BTC)]
    assert quantities == ["0.05000000", "0.05000000"]
    assert str((await rest.balance("BTC"))[1]) == "0.05000000"
