"""Trading endpoints: orders, cancels, replaces, amends, order lists and smart order routing."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any

from shared.src.domain.orders import OrderType, Side
from simulator.api.calls import Call, Endpoint, Json, Security
from simulator.api.order_params import (
    DEPRECATED_OCO_PARAMS,
    SINGLE_PARAMS,
    list_params,
    parse_deprecated_oco,
    parse_list,
    parse_order,
)
from simulator.api.params import Params, missing
from simulator.api.views.accounts import order_commission_view
from simulator.api.views.orders import (
    ResponseType,
    amend_view,
    cancel_view,
    default_response,
    list_cancel_view,
    list_placement_view,
    placement_view,
)
from simulator.engine.errors import ApiError
from simulator.engine.orders import (
    Cancellation,
    CancelRestriction,
    ListCancellation,
    ListKind,
    ListRequest,
    OrderRequest,
    ReplaceOutcome,
)

Cancelled = Cancellation | ListCancellation


class ReplaceMode(StrEnum):
    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class OverLimitMode(StrEnum):
    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


def _response_type(params: Params, request: OrderRequest) -> ResponseType:
    return params.choice("newOrderRespType", ResponseType) or default_response(request.type)


def new_order(call: Call) -> Json:
    request = parse_order(call.params)
    kind = _response_type(call.params, request)
    placed = call.state.exchange.place(call.account, request, call.now_ms)
    return placement_view(placed, kind, call.now_ms)


def test_order(call: Call) -> Json:
    request = parse_order(call.params)
    _response_type(call.params, request)
    with_rates = call.params.boolean("computeCommissionRates", default=False)
    call.state.exchange.test(call.account, request, call.now_ms)
    if not with_rates:
        return {}
    return order_commission_view(call.account, request.symbol, is_buyer=request.side is Side.BUY)


_BAD_RESTRICTION = (-1145, "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED.")


def _restriction(params: Params) -> CancelRestriction | None:
    return params.choice("cancelRestrictions", CancelRestriction, _BAD_RESTRICTION)


def cancel_order(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    ref = params.ref("orderId", "origClientOrderId")
    cancelled = call.state.exchange.cancel(
        call.account,
        symbol,
        ref,
        call.now_ms,
        new_client_order_id=params.client_id("newClientOrderId"),
        restriction=_restriction(params),
    )
    return cancel_view(cancelled)


def cancel_open_orders(call: Call) -> Json:
    symbol = call.symbol
    rows = call.state.exchange.cancel_all(call.account, symbol, call.now_ms)
    return [cancel_view(row) for row in rows]


# -- cancel-replace -------------------------------------------------------------------------------------------

_CANCEL_FAILED = "Order cancel-replace failed."
_CANCEL_PARTIAL = "Order cancel-replace partially failed."


def cancel_replace(call: Call) -> Json:
    params, exchange = call.params, call.state.exchange
    request = parse_order(params)
    mode = params.choice("cancelReplaceMode", ReplaceMode)
    if mode is None:
        raise missing("cancelReplaceMode")
    ref = params.ref("cancelOrderId", "cancelOrigClientOrderId")
    kind = _response_type(params, request)
    over_limit = params.choice("orderRateLimitExceededMode", OverLimitMode) or OverLimitMode.DO_NOTHING
    cancel_id, restriction = params.client_id("cancelNewClientOrderId"), _restriction(params)
    try:
        call.state.limits.check_orders(call.account.name, 1, call.state.limits_ms())
    except ApiError as limit:
        if over_limit is OverLimitMode.DO_NOTHING:
            raise
        cancel = partial(
            exchange.cancel,
            call.account,
            request.symbol,
            ref,
            call.now_ms,
            new_client_order_id=cancel_id,
            restriction=restriction,
        )
        raise _cancel_only(cancel, limit, mode, kind, call.now_ms) from limit
    outcome = exchange.cancel_replace(
        call.account,
        request,
        ref,
        call.now_ms,
        stop_on_failure=mode is ReplaceMode.STOP_ON_FAILURE,
        cancel_client_order_id=cancel_id,
        restriction=restriction,
    )
    if outcome.cancel_error is None and outcome.new_error is None:
        return _replace_data(outcome, kind, call.now_ms)
    partial_success = outcome.cancelled is not None or outcome.placed is not None
    raise _replace_error(outcome, kind, call.now_ms, 409 if partial_success else 400)


def _cancel_only(
    cancel: Callable[[], Cancelled], limit: ApiError, mode: ReplaceMode, kind: ResponseType, now_ms: int
) -> ApiError:
    """What CANCEL_ONLY answers an account over its order limit (the table of the REST docs): the cancel is done, the
    order is not."""
    stops = mode is ReplaceMode.STOP_ON_FAILURE
    try:
        outcome = ReplaceOutcome(cancel(), None, None, limit)
        status = 429 if stops else 409
    except ApiError as error:
        outcome = ReplaceOutcome(None, error, None, None if stops else limit)
        status = 429 if stops else 400
    refusal = _replace_error(outcome, kind, now_ms, status)
    if status == limit.http_status:
        refusal.headers.update(limit.headers)
    return refusal


def _replace_error(outcome: ReplaceOutcome, kind: ResponseType, now_ms: int, status: int) -> ApiError:
    data = _replace_data(outcome, kind, now_ms)
    nothing_done = outcome.cancelled is None and outcome.placed is None
    code, message = (-2022, _CANCEL_FAILED) if nothing_done else (-2021, _CANCEL_PARTIAL)
    return ApiError(code, message, http_status=status, data=data)


def _replace_data(outcome: ReplaceOutcome, kind: ResponseType, now_ms: int) -> dict[str, Any]:
    """Both halves: what happened, or the error, or null for what was not attempted."""
    cancel: Json = None
    if outcome.cancelled is not None:
        cancel = cancel_view(outcome.cancelled)
    elif isinstance(outcome.cancel_error, ApiError):
        cancel = outcome.cancel_error.body()
    new, result = None, "NOT_ATTEMPTED"
    if outcome.placed is not None:
        new, result = placement_view(outcome.placed, kind, now_ms), "SUCCESS"
    elif isinstance(outcome.new_error, ApiError):
        new, result = outcome.new_error.body(), "FAILURE"
    return {
        "cancelResult": "SUCCESS" if outcome.cancelled is not None else "FAILURE",
        "newOrderResult": result,
        "cancelResponse": cancel,
        "newOrderResponse": new,
    }


def amend(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    ref = params.ref("orderId", "origClientOrderId")
    quantity = params.required_decimal("newQty")
    if not quantity:
        raise ApiError(-1013, "Invalid quantity.")
    result = call.state.exchange.amend_keep_priority(
        call.account,
        symbol,
        ref,
        quantity,
        call.now_ms,
        new_client_order_id=params.client_id("newClientOrderId"),
    )
    return amend_view(result, call.now_ms)


# -- order lists ----------------------------------------------------------------------------------------------


def _place_list(call: Call, request: ListRequest) -> Json:
    kind = call.params.choice("newOrderRespType", ResponseType)
    placed = call.state.exchange.place_list(call.account, request, call.now_ms)
    return list_placement_view(placed, kind, call.now_ms)


def new_list(call: Call, *, kind: ListKind) -> Json:
    return _place_list(call, parse_list(call.params, kind))


def new_deprecated_oco(call: Call) -> Json:
    return _place_list(call, parse_deprecated_oco(call.params))


def cancel_list(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    ref = params.ref("orderListId", "listClientOrderId")
    cancelled = call.state.exchange.cancel_list(
        call.account,
        symbol,
        ref,
        call.now_ms,
        new_client_order_id=params.client_id("newClientOrderId"),
    )
    return list_cancel_view(cancelled)


# -- smart order routing --------------------------------------------------------------------------------------


def _parse_sor(call: Call) -> OrderRequest:
    request = parse_order(call.params, use_sor=True)
    if request.type not in {OrderType.LIMIT, OrderType.MARKET}:
        raise ApiError(-1014, "Unsupported order combination.")
    rules = call.state.exchange.market(request.symbol).rules
    routed = any(rules.symbol in sor["symbols"] for sor in call.state.sors)
    if not routed:
        raise ApiError(-1013, "This symbol is not supported by SOR.")
    return request


def sor_order(call: Call) -> Json:
    request = _parse_sor(call)
    kind = call.params.choice("newOrderRespType", ResponseType) or ResponseType.FULL
    placed = call.state.exchange.place(call.account, request, call.now_ms)
    return placement_view(placed, kind, call.now_ms)


def sor_test(call: Call) -> Json:
    request = _parse_sor(call)
    call.state.exchange.test(call.account, request, call.now_ms)
    if not call.params.boolean("computeCommissionRates", default=False):
        return {}
    return order_commission_view(call.account, request.symbol, is_buyer=request.side is Side.BUY)


def _test_weight(params: Params) -> int:
    return 20 if params.get("computeCommissionRates", "").lower() == "true" else 1


_SOR = (
    "symbol",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "price",
    "newClientOrderId",
    "strategyId",
    "strategyType",
    "icebergQty",
    "newOrderRespType",
    "selfTradePreventionMode",
)
_REPLACE = (
    *SINGLE_PARAMS,
    "cancelReplaceMode",
    "cancelNewClientOrderId",
    "cancelOrigClientOrderId",
    "cancelOrderId",
    "cancelRestrictions",
    "orderRateLimitExceededMode",
)
_TRADE = Security.TRADE

TRADE_ENDPOINTS = (
    Endpoint("POST", "/api/v3/order", new_order, SINGLE_PARAMS, 1, "order.place", _TRADE, 1, free=True),
    Endpoint(
        "POST",
        "/api/v3/order/test",
        test_order,
        (*SINGLE_PARAMS, "computeCommissionRates"),
        _test_weight,
        "order.test",
        _TRADE,
    ),
    Endpoint(
        "DELETE",
        "/api/v3/order",
        cancel_order,
        ("symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"),
        1,
        "order.cancel",
        _TRADE,
        free=True,
    ),
    Endpoint(
        "DELETE", "/api/v3/openOrders", cancel_open_orders, ("symbol",), 1, "openOrders.cancelAll", _TRADE, free=True
    ),
    # Its order count is checked inside: over the limit it may still cancel.
    Endpoint(
        "POST",
        "/api/v3/order/cancelReplace",
        cancel_replace,
        _REPLACE,
        1,
        "order.cancelReplace",
        _TRADE,
        1,
        free=True,
        checks_orders=False,
    ),
    Endpoint(
        "PUT",
        "/api/v3/order/amend/keepPriority",
        amend,
        ("symbol", "orderId", "origClientOrderId", "newClientOrderId", "newQty"),
        4,
        "order.amend.keepPriority",
        _TRADE,
    ),
    Endpoint(
        "POST",
        "/api/v3/order/oco",
        new_deprecated_oco,
        DEPRECATED_OCO_PARAMS,
        1,
        "orderList.place",
        _TRADE,
        2,
        free=True,
    ),
    *(
        Endpoint(
            "POST",
            f"/api/v3/orderList/{kind.value.lower()}",
            partial(new_list, kind=kind),
            list_params(kind),
            1,
            f"orderList.place.{kind.value.lower()}",
            _TRADE,
            3 if kind in {ListKind.OTOCO, ListKind.OPOCO} else 2,
            free=True,
        )
        for kind in ListKind
    ),
    Endpoint(
        "DELETE",
        "/api/v3/orderList",
        cancel_list,
        ("symbol", "orderListId", "listClientOrderId", "newClientOrderId"),
        1,
        "orderList.cancel",
        _TRADE,
        free=True,
    ),
    Endpoint("POST", "/api/v3/sor/order", sor_order, _SOR, 1, "sor.order.place", _TRADE, 1, free=True),
    Endpoint(
        "POST",
        "/api/v3/sor/order/test",
        sor_test,
        (*_SOR, "computeCommissionRates"),
        _test_weight,
        "sor.order.test",
        _TRADE,
    ),
)
