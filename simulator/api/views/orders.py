"""The JSON shapes of orders and order lists, as REST and the WebSocket API answer them."""

from __future__ import annotations

from enum import StrEnum

from shared.src.domain.orders import OrderType
from simulator.api.json_object import JsonObject
from simulator.api.views.trades import _prevented_in_answer, fill_view
from simulator.engine.numbers import ZERO, fixed
from simulator.engine.orders import (
    STOP_TYPES,
    Amendment,
    AmendResult,
    Cancellation,
    EngineOrder,
    ExpiryReason,
    ListCancellation,
    ListPlacement,
    OrderList,
    Placement,
)


class ResponseType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


def default_response(kind: OrderType) -> ResponseType:
    """MARKET and LIMIT answer FULL, everything else ACK."""
    return ResponseType.FULL if kind in {OrderType.MARKET, OrderType.LIMIT} else ResponseType.ACK


def placement_view(placement: Placement, kind: ResponseType, now_ms: int) -> JsonObject:
    """The answer to a new order."""
    order = placement.order
    view: JsonObject = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": now_ms,
    }
    if kind is ResponseType.ACK:
        return view
    view |= _state(order)
    view |= conditional_fields(order)
    view["workingTime"] = order.working_time
    if kind is ResponseType.FULL:
        view["fills"] = [fill_view(fill, by_sor=order.used_sor) for fill in placement.fills]
        if placement.prevented:
            view["preventedMatches"] = [_prevented_in_answer(row) for row in placement.prevented]
    view["selfTradePreventionMode"] = order.stp.value
    return view


def _state(order: EngineOrder) -> JsonObject:
    view: JsonObject = {
        "price": fixed(order.price),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.executed),
        "origQuoteOrderQty": fixed(order.quote_quantity),
        "cummulativeQuoteQty": fixed(order.cumulative_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "side": order.side.value,
    }
    if not order.quantity:
        # The pending legs of an OPO have no quantity until the working order filled.
        del view["origQty"]
    return view


def conditional_fields(order: EngineOrder) -> JsonObject:
    """Fields that appear only where they apply ("Conditional fields in Order Responses" of the REST docs)."""
    view: JsonObject = {}
    if order.iceberg:
        view["icebergQty"] = fixed(order.iceberg)
    if order.prevented_match_id is not None:
        view["preventedMatchId"] = order.prevented_match_id
        view["preventedQuantity"] = fixed(order.prevented)
    if order.type in STOP_TYPES and (order.stop_price is not None or order.trailing_delta is None):
        view["stopPrice"] = fixed(order.stop_price or ZERO)
    optional: tuple[tuple[str, int | str | None], ...] = (
        ("strategyId", order.strategy_id),
        ("strategyType", order.strategy_type),
        ("trailingDelta", order.trailing_delta),
        ("trailingTime", order.trailing_time if order.trailing_delta is not None else None),
        ("usedSor", True if order.used_sor else None),
        ("workingFloor", order.working_floor),
        ("pegPriceType", order.peg_price_type),
        ("pegOffsetType", order.peg_offset_type),
        ("pegOffsetValue", order.peg_offset_value),
        ("peggedPrice", None if order.pegged_price is None else fixed(order.pegged_price)),
        ("expiryReason", None if order.expiry_reason is ExpiryReason.NONE else order.expiry_reason.value),
    )
    view |= {name: value for name, value in optional if value is not None}
    return view


def order_view(order: EngineOrder) -> JsonObject:
    """An order as queries show it."""
    state = _state(order)
    quote_quantity = state.pop("origQuoteOrderQty")
    view: JsonObject = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        **state,
        "stopPrice": fixed(order.stop_price or ZERO),
        "icebergQty": fixed(order.iceberg or ZERO),
        "time": order.time,
        "updateTime": order.update_time,
        "isWorking": order.is_working,
        "workingTime": order.working_time,
        "origQuoteOrderQty": quote_quantity,
        "selfTradePreventionMode": order.stp.value,
    }
    # what an order was given takes the place of the zeros that stand for nothing
    return view | conditional_fields(order)


def cancel_view(cancelled: Cancellation | ListCancellation) -> JsonObject:
    """The answer to a cancel: of an order, or of the list it belonged to."""
    return order_cancel_view(cancelled) if isinstance(cancelled, Cancellation) else list_cancel_view(cancelled)


def order_cancel_view(cancellation: Cancellation) -> JsonObject:
    """A cancelled order; ``clientOrderId`` is the id of the cancel itself."""
    order = cancellation.order
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": cancellation.client_order_id,
        "transactTime": cancellation.time,
        **_state(order),
        **conditional_fields(order),
        "selfTradePreventionMode": order.stp.value,
    }


def list_view(order_list: OrderList) -> JsonObject:
    """An order list as queries show it."""
    return {
        "orderListId": order_list.list_id,
        "contingencyType": order_list.kind.contingency,
        "listStatusType": order_list.status_type,
        "listOrderStatus": order_list.order_status,
        "listClientOrderId": order_list.client_order_id,
        "transactionTime": order_list.time,
        "symbol": order_list.symbol,
        "orders": [
            {"symbol": order_list.symbol, "orderId": order_id, "clientOrderId": client_id}
            for order_id, client_id in zip(order_list.order_ids, order_list.client_order_ids, strict=True)
        ],
    }


def list_placement_view(placed: ListPlacement, kind: ResponseType | None, now_ms: int) -> JsonObject:
    """The answer to a new list; without a response type each report has its order's default."""
    reports = [placement_view(placement, kind or ResponseType.RESULT, now_ms) for placement in placed.placements]
    return {**list_view(placed.order_list), "orderReports": reports}


def list_cancel_view(cancelled: ListCancellation) -> JsonObject:
    """The answer to the cancel of a list."""
    view = list_view(cancelled.order_list)
    view["transactionTime"] = cancelled.time
    return {**view, "orderReports": [order_cancel_view(item) for item in cancelled.cancellations]}


def amend_view(result: AmendResult, now_ms: int) -> JsonObject:
    """The answer to an amend; here it is cumulativeQuoteQty, with one m."""
    order, amendment = result.order, result.amendment
    amended: JsonObject = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "origClientOrderId": amendment.original_client_order_id,
        "clientOrderId": order.client_order_id,
        "price": fixed(order.price),
        "qty": fixed(order.quantity),
        "executedQty": fixed(order.executed),
        "preventedQty": fixed(order.prevented),
        "quoteOrderQty": fixed(order.quote_quantity),
        "cumulativeQuoteQty": fixed(order.cumulative_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "side": order.side.value,
        **conditional_fields(order),
        "workingTime": order.working_time,
        "selfTradePreventionMode": order.stp.value,
    }
    view: JsonObject = {"transactTime": now_ms, "executionId": amendment.execution_id, "amendedOrder": amended}
    if result.order_list is not None:
        shown = list_view(result.order_list)
        view["listStatus"] = {key: shown[key] for key in shown if key not in {"listStatusType", "transactionTime"}}
    return view


def amendment_view(row: Amendment) -> JsonObject:
    return {
        "symbol": row.symbol,
        "orderId": row.order_id,
        "executionId": row.execution_id,
        "origClientOrderId": row.original_client_order_id,
        "newClientOrderId": row.new_client_order_id,
        "origQty": fixed(row.original_quantity),
        "newQty": fixed(row.new_quantity),
        "time": row.time,
    }
