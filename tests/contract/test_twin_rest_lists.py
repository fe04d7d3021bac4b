"""Order lists: OCO, OTO, OTOCO, OPO, OPOCO (rules: order lists reference)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.twin_rest import BTC, LIMIT_BUY, OCO_SELL, OTO, RestClient, merged, refusal, told

OTOCO = merged(
    OTO,
    {
        "pendingType": None,
        "pendingPrice": None,
        "pendingTimeInForce": None,
        "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "53000",
        "pendingBelowType": "STOP_LOSS",
        "pendingBelowStopPrice": "48000",
    },
)
OCO_BUY = {
    "symbol": BTC,
    "side": "BUY",
    "quantity": "0.1",
    "belowType": "LIMIT_MAKER",
    "belowPrice": "48000",
    "aboveType": "STOP_LOSS_LIMIT",
    "aboveStopPrice": "52000",
    "abovePrice": "52500",
    "aboveTimeInForce": "GTC",
}
OPO = merged(OTO, {"pendingQuantity": None})
OPOCO = merged(OTOCO, {"pendingQuantity": None})


async def _list(rest: RestClient, kind: str, params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    response = await rest.post(f"orderList/{kind}", params, **changes)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def _statuses(rest: RestClient) -> list[tuple[str, str]]:
    return [(row["type"], row["status"]) for row in await rest.query("allOrders", symbol=BTC)]


async def _list_status(rest: RestClient, list_id: int) -> tuple[str, str]:
    answer = await rest.query("orderList", orderListId=list_id)
    return answer["listStatusType"], answer["listOrderStatus"]


async def test_list_answer_has_its_fields(rest: RestClient) -> None:
    answer = await _list(rest, "oco", OCO_SELL, listClientOrderId="my-list")
    assert list(answer) == [
        "orderListId",
        "contingencyType",
        "listStatusType",
        "listOrderStatus",
        "listClientOrderId",
        "transactionTime",
        "symbol",
        "orders",
        "orderReports",
    ]
    assert (answer["listStatusType"], answer["listOrderStatus"]) == ("EXEC_STARTED", "EXECUTING")
    assert set(answer["orders"][0]) == {"symbol", "orderId", "clientOrderId"}
    assert [report["type"] for report in answer["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert "orderReports" not in await rest.query("orderList", origClientOrderId="my-list")


async def test_oco_locks_its_quantity_once(rest: RestClient) -> None:
    await _list(rest, "oco", OCO_SELL)
    assert await rest.balance("BTC") == (Decimal("9.9"), Decimal("0.1"))


async def test_buy_oco_locks_the_larger_need(rest: RestClient) -> None:
    await _list(rest, "oco", OCO_BUY)
    assert (await rest.balance("USDT"))[1] == 5250


async def test_limit_leg_that_fills_in_part_expires_the_stop(rest: RestClient) -> None:
    answer = await _list(rest, "oco", OCO_SELL, abovePrice="50000.50")
    rest.outside("BUY", "1.05")
    assert await _statuses(rest) == [("STOP_LOSS_LIMIT", "EXPIRED"), ("LIMIT_MAKER", "PARTIALLY_FILLED")]
    stop = await rest.query("order", symbol=BTC, orderId=answer["orders"][0]["orderId"])
    assert stop["expiryReason"] == "OCO_TRIGGER"
    assert await _list_status(rest, answer["orderListId"]) == ("EXEC_STARTED", "EXECUTING")
    rest.outside("BUY", "0.05")
    assert await _list_status(rest, answer["orderListId"]) == ("ALL_DONE", "ALL_DONE")
    assert await rest.balance("BTC") == (Decimal("9.9"), Decimal(0))


async def test_stop_leg_that_fires_expires_the_limit(rest: RestClient) -> None:
    answer = await _list(rest, "oco", OCO_SELL, belowStopPrice="49999.00", belowPrice="49000")
    rest.outside("SELL", "1.5")
    assert await _statuses(rest) == [("STOP_LOSS_LIMIT", "FILLED"), ("LIMIT_MAKER", "EXPIRED")]
    assert await _list_status(rest, answer["orderListId"]) == ("ALL_DONE", "ALL_DONE")
    assert await rest.query("openOrderList") == []


@pytest.mark.parametrize(("kind", "params"), [("oco", OCO_SELL), ("oto", OTO), ("otoco", OTOCO), ("opoco", OPOCO)])
@pytest.mark.parametrize("leg", [0, 1])
async def test_cancelling_one_order_cancels_its_list_and_answers_the_list(
    rest: RestClient, kind: str, params: dict[str, Any], leg: int
) -> None:
    """Schema of the answer to DELETE order: an order list when the order belongs to one."""
    placed = await _list(rest, kind, params)
    call = {"symbol": BTC, "orderId": placed["orders"][leg]["orderId"], "newClientOrderId": "stop-it"}
    answer = (await rest.signed("DELETE", "order", call)).json()
    assert list(answer) == list(placed)
    assert (answer["orderListId"], answer["orders"]) == (placed["orderListId"], placed["orders"])
    assert (answer["listStatusType"], answer["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert [(report["orderId"], report["status"]) for report in answer["orderReports"]] == [
        (row["orderId"], "CANCELED") for row in placed["orders"]
    ]
    assert {report["clientOrderId"] for report in answer["orderReports"]} == {"stop-it"}
    assert await rest.query("openOrders", symbol=BTC) == []
    assert (await rest.balance("BTC"))[1] == (await rest.balance("USDT"))[1] == 0


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
async def test_replacing_one_order_of_a_list_shows_the_list_that_was_cancelled(rest: RestClient, mode: str) -> None:
    placed = await _list(rest, "oco", OCO_SELL)
    replace = {"cancelReplaceMode": mode, "cancelOrderId": placed["orders"][1]["orderId"]}
    answer = (await rest.post("order/cancelReplace", LIMIT_BUY, **replace)).json()
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert answer["cancelResponse"]["orderListId"] == placed["orderListId"]
    assert len(answer["cancelResponse"]["orderReports"]) == 2


@pytest.mark.parametrize(
    ("kind", "params", "types"),
    [
        ("oco", OCO_SELL, ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]),
        ("oco", {**OCO_SELL, "aboveType": "TAKE_PROFIT", "abovePrice": None, "aboveStopPrice": "52000"},
         ["STOP_LOSS_LIMIT", "TAKE_PROFIT"]),
        ("oco", OCO_BUY, ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]),
        ("otoco", OTOCO, ["LIMIT", "STOP_LOSS", "LIMIT_MAKER"]),
        ("opoco", OPOCO, ["LIMIT", "STOP_LOSS", "LIMIT_MAKER"]),
    ],
    ids=["oco", "oco of two stops", "oco to buy", "otoco", "opoco"],
)  # fmt: skip
async def test_the_stop_of_a_pair_comes_first_and_has_the_lower_id(
    rest: RestClient, kind: str, params: dict[str, Any], types: list[str]
) -> None:
    """As in every sample of the documents; clients read the first report of an OCO as its stop."""
    events = rest.listen()
    placed = await _list(rest, kind, merged(params, {}), newOrderRespType="RESULT")
    assert [report["type"] for report in placed["orderReports"]] == types
    ids = [row["orderId"] for row in placed["orders"]]
    assert ids == sorted(ids) == [report["orderId"] for report in placed["orderReports"]]
    assert (await rest.query("orderList", orderListId=placed["orderListId"]))["orders"] == placed["orders"]
    status = next(event for event in await told(events) if event["e"] == "listStatus")
    assert [row["i"] for row in status["O"]] == ids


async def test_cancelling_the_list_reports_both_orders(rest: RestClient) -> None:
    answer = await _list(rest, "oco", OCO_SELL)
    call = {"symbol": BTC, "orderListId": answer["orderListId"], "newClientOrderId": "stop-it"}
    body = (await rest.signed("DELETE", "orderList", call)).json()
    assert body["listOrderStatus"] == "ALL_DONE"
    assert {report["clientOrderId"] for report in body["orderReports"]} == {"stop-it"}


async def test_deprecated_oco_is_limit_maker_and_stop(rest: RestClient) -> None:
    params = {"symbol": BTC, "side": "SELL", "quantity": "0.1", "price": "52000", "stopPrice": "48000"}
    answer = (await rest.post("order/oco", params)).json()
    assert {report["type"] for report in answer["orderReports"]} == {"LIMIT_MAKER", "STOP_LOSS"}
    response = await rest.post("order/oco", params, price="49000")
    assert refusal(response)[1:] == (-2010, "The relationship of the prices for the orders is not correct.")


async def test_deprecated_oco_with_a_stop_limit_needs_its_time_in_force(rest: RestClient) -> None:
    params = {"symbol": BTC, "side": "SELL", "quantity": "0.1", "price": "52000", "stopPrice": "48000"}
    assert refusal(await rest.post("order/oco", params, stopLimitPrice="47900"))[1] == -1102
    answer = (await rest.post("order/oco", params, stopLimitPrice="47900", stopLimitTimeInForce="GTC")).json()
    assert {report["type"] for report in answer["orderReports"]} == {"LIMIT_MAKER", "STOP_LOSS_LIMIT"}


async def test_list_client_id_is_unique_among_open_lists(rest: RestClient) -> None:
    await _list(rest, "oco", OCO_SELL, listClientOrderId="my-list")
    response = await rest.post("orderList/oco", OCO_SELL, listClientOrderId="my-list")
    assert refusal(response) == (400, -2010, "Duplicate order sent.")


async def test_oto_keeps_its_second_order_pending(rest: RestClient) -> None:
    answer = await _list(rest, "oto", OTO)
    assert answer["contingencyType"] == "OTO"
    assert [report["status"] for report in answer["orderReports"]] == ["NEW", "PENDING_NEW"]
    depth = (await rest.get("depth", symbol=BTC)).json()
    assert not any(price == "52000.00000000" for price, _ in depth["asks"])


async def test_oto_places_its_second_order_when_the_first_is_full(rest: RestClient) -> None:
    await _list(rest, "oto", OTO, workingPrice="50000")
    rest.outside("SELL", "0.05")
    assert await _statuses(rest) == [("LIMIT", "PARTIALLY_FILLED"), ("LIMIT", "PENDING_NEW")]
    rest.outside("SELL", "0.05")
    assert await _statuses(rest) == [("LIMIT", "FILLED"), ("LIMIT", "NEW")]


async def test_oto_whose_first_order_fills_at_once_still_answers_pending(rest: RestClient) -> None:
    answer = await _list(rest, "oto", OTO, workingPrice="50001")
    assert [report["status"] for report in answer["orderReports"]] == ["FILLED", "PENDING_NEW"]
    assert await _statuses(rest) == [("LIMIT", "FILLED"), ("LIMIT", "NEW")]


async def test_oto_that_is_cancelled_takes_the_pending_order_along(rest: RestClient) -> None:
    answer = await _list(rest, "oto", OTO)
    await rest.signed("DELETE", "order", {"symbol": BTC, "orderId": answer["orders"][0]["orderId"]})
    assert [status for _, status in await _statuses(rest)] == ["CANCELED", "CANCELED"]
    assert (await rest.balance("BTC"))[1] == (await rest.balance("USDT"))[1] == 0


async def test_working_order_that_expires_expires_the_pending_one(rest: RestClient) -> None:
    answer = await _list(rest, "oto", OTO, workingTimeInForce="IOC")
    pending = await rest.query("order", symbol=BTC, orderId=answer["orders"][1]["orderId"])
    assert (pending["status"], pending["expiryReason"]) == ("EXPIRED", "OTO_PHASE_ONE_EXPIRED")


async def test_otoco_arms_a_pair_after_the_entry(rest: RestClient) -> None:
    answer = await _list(rest, "otoco", OTOCO, workingPrice="50001")
    assert [report["status"] for report in answer["orderReports"]] == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    assert await _statuses(rest) == [("LIMIT", "FILLED"), ("STOP_LOSS", "NEW"), ("LIMIT_MAKER", "NEW")]
    rest.twin.operations.set_liquidity(BTC, [(Decimal(47000), Decimal(5))], [(Decimal(47001), Decimal(5))])
    rest.outside("SELL", "1")
    assert await _statuses(rest) == [("LIMIT", "FILLED"), ("STOP_LOSS", "FILLED"), ("LIMIT_MAKER", "EXPIRED")]
    assert await _list_status(rest, answer["orderListId"]) == ("ALL_DONE", "ALL_DONE")


@pytest.mark.parametrize(("kind", "params", "orders"), [("opo", OPO, 2), ("opoco", OPOCO, 3)])
async def test_opo_needs_the_funds_of_the_working_order_only(
    rest: RestClient, kind: str, params: dict[str, Any], orders: int
) -> None:
    await rest.order(
        {"symbol": BTC, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "10", "price": "60000"}
    )
    answer = await _list(rest, kind, params)
    assert len(answer["orders"]) == orders
    assert "origQty" not in answer["orderReports"][1]


async def test_opo_sells_what_it_received_less_the_commission(rest: RestClient) -> None:
    await rest.order(
        {"symbol": BTC, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "10", "price": "60000"}
    )
    answer = await _list(rest, "opo", OPO, workingPrice="50001")
    pending = await rest.query("order", symbol=BTC, orderId=answer["orders"][1]["orderId"])
    # 0.1 BTC less 0.2 % = 0.0998; no other BTC is free to pay the commission
    assert (pending["status"], pending["origQty"]) == ("NEW", "0.09980000")


async def test_opo_pays_the_commission_from_free_funds_when_there_are_enough(rest: RestClient) -> None:
    answer = await _list(rest, "opo", OPO, workingPrice="50001")
    pending = await rest.query("order", symbol=BTC, orderId=answer["orders"][1]["orderId"])
    assert pending["origQty"] == "0.10000000"


async def test_opoco_protects_what_was_bought(rest: RestClient) -> None:
    await _list(rest, "opoco", OPOCO, workingPrice="50001")
    assert await _statuses(rest) == [("LIMIT", "FILLED"), ("STOP_LOSS", "NEW"), ("LIMIT_MAKER", "NEW")]
    assert (await rest.balance("BTC"))[1] == Decimal("0.1")


async def test_all_and_open_lists(rest: RestClient) -> None:
    first = await _list(rest, "oco", OCO_SELL)
    second = await _list(rest, "oto", OTO)
    await rest.signed("DELETE", "orderList", {"symbol": BTC, "orderListId": first["orderListId"]})
    assert [row["orderListId"] for row in await rest.query("allOrderList")] == [0, 1]
    assert [row["orderListId"] for row in await rest.query("openOrderList")] == [second["orderListId"]]
    assert await rest.query("allOrderList", fromId="1", limit="1") == await rest.query("openOrderList")
