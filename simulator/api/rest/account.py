"""Account endpoints: balances, orders, lists, trades and what limits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from simulator.api.calls import Call, Endpoint, Json, Security, settle_order_counts
from simulator.api.params import Params
from simulator.api.rest.market import exchange_info
from simulator.api.views.accounts import account_view, commission_view
from simulator.api.views.orders import amendment_view, list_view, order_view
from simulator.api.views.trades import allocation_view, my_trade_view, prevented_view
from simulator.engine.errors import ApiError, archived
from simulator.engine.numbers import fixed
from simulator.engine.orders import BinanceOrderStatus, EngineFill, EngineOrder

DAY_MS = 86_400_000
ARCHIVED_AFTER_MS = 90 * DAY_MS
Row = TypeVar("Row")


def account(call: Call) -> Json:
    listed = [
        asset for market in call.state.exchange.markets.values() for asset in (market.rules.base, market.rules.quote)
    ]
    omit_zero = call.params.boolean("omitZeroBalances", default=False)
    return account_view(call.account, [] if omit_zero else listed, omit_zero=omit_zero)


def account_commission(call: Call) -> Json:
    return commission_view(call.account, call.symbol)


def _is_archived(order: EngineOrder, now_ms: int) -> bool:
    """Cancelled or expired without an execution more than 90 days ago."""
    ended = order.status in {
        BinanceOrderStatus.CANCELED,
        BinanceOrderStatus.EXPIRED,
        BinanceOrderStatus.EXPIRED_IN_MATCH,
    }
    return ended and not order.executed and now_ms - order.update_time > ARCHIVED_AFTER_MS


def order_status(call: Call) -> Json:
    symbol = call.symbol
    order = call.state.exchange.order(call.account, symbol, call.params.ref("orderId", "origClientOrderId"))
    if _is_archived(order, call.now_ms):
        raise archived()
    return order_view(order)


def open_orders(call: Call) -> Json:
    symbol = call.params.optional_symbol()
    if symbol is None:
        return [order_view(order) for order in call.account.open_orders.values()]
    call.state.exchange.market(symbol)
    return [order_view(order) for order in call.account.open_on(symbol)]


def check_span(start: int | None, end: int | None) -> None:
    """Raises ApiError -1127 when both are given and more than 24 hours apart."""
    if start is not None and end is not None and end - start > DAY_MS:
        raise ApiError(-1127, "More than 24 hours between startTime and endTime.")


def select_by_time(
    rows: Sequence[Row], times: Sequence[int], start: int | None, end: int | None, limit: int
) -> list[Row]:
    """Binance's rule: none or end only -> the newest; start -> the oldest from it on. Chronological."""
    chosen = [
        row
        for row, time in zip(rows, times, strict=True)
        if (start is None or time >= start) and (end is None or time <= end)
    ]
    return chosen[:limit] if start is not None else chosen[-limit:]


def all_orders(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    start, end, first = params.time("startTime"), params.time("endTime"), params.integer("orderId")
    check_span(start, end)
    known = call.account.orders_by_symbol.get(symbol, {}).values()
    rows = [order for order in known if not _is_archived(order, call.now_ms)]
    if first is not None:
        chosen = [order for order in rows if order.order_id >= first][: params.limit()]
    else:
        chosen = select_by_time(rows, [order.time for order in rows], start, end, params.limit())
    return [order_view(order) for order in chosen]


def order_list(call: Call) -> Json:
    ref = call.params.ref("orderListId", "origClientOrderId")
    return list_view(call.state.exchange.order_list(call.account, ref))


def all_order_lists(call: Call) -> Json:
    params = call.params
    first, start, end = params.integer("fromId"), params.time("startTime"), params.time("endTime")
    if first is not None and (start is not None or end is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    check_span(start, end)
    rows = list(call.account.lists.values())
    if first is not None:
        chosen = [row for row in rows if row.list_id >= first][: params.limit()]
    else:
        chosen = select_by_time(rows, [row.time for row in rows], start, end, params.limit())
    return [list_view(row) for row in chosen]


def open_order_lists(call: Call) -> Json:
    return [list_view(row) for row in call.account.open_lists.values()]


_TRADE_COMBINATIONS = (
    frozenset[str](),
    frozenset({"orderId"}),
    frozenset({"startTime"}),
    frozenset({"endTime"}),
    frozenset({"fromId"}),
    frozenset({"startTime", "endTime"}),
    frozenset({"orderId", "fromId"}),
)


def my_trades(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    used = frozenset(params) & {"orderId", "startTime", "endTime", "fromId"}
    if used not in _TRADE_COMBINATIONS:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    start, end = params.time("startTime"), params.time("endTime")
    check_span(start, end)
    rows: list[EngineFill] = list(call.account.fills.get(symbol, ()))
    if order_id is not None:
        rows = [fill for fill in rows if fill.order_id == order_id]
    if from_id is not None:
        rows = [fill for fill in rows if fill.trade_id >= from_id]
    if order_id is not None or from_id is not None:
        return [my_trade_view(fill) for fill in rows[: params.limit()]]
    chosen = select_by_time(rows, [fill.time for fill in rows], start, end, params.limit())
    return [my_trade_view(fill) for fill in chosen]


def order_rate_limit(call: Call) -> Json:
    state = call.state
    settle_order_counts(state, call.account)
    seconds, day = state.limits.order_counts(call.account.name, state.limits_ms())
    counts = {"SECOND": seconds, "DAY": day}
    rows = [row for row in state.limits.table() if row["rateLimitType"] == "ORDERS"]
    return [{**row, "count": counts[row["interval"]]} for row in rows]


def prevented_matches(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    first = params.integer("fromPreventedMatchId") or 0
    if (match_id is None) == (order_id is None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    rows = [row for row in call.account.prevented if row.symbol == symbol]
    if match_id is not None:
        rows = [row for row in rows if row.prevented_match_id == match_id]
    else:
        rows = [
            row
            for row in rows
            if order_id in {row.taker_order_id, row.maker_order_id} and row.prevented_match_id >= first
        ]
    return [prevented_view(row) for row in rows[: params.limit()]]


def allocations(call: Call) -> Json:
    """Fills of orders that went through smart order routing."""
    params = call.params
    symbol = call.symbol
    start, end = params.time("startTime"), params.time("endTime")
    check_span(start, end)
    order_id, first = params.integer("orderId"), params.integer("fromAllocationId") or 0
    orders = call.account.orders
    rows = [
        fill
        for fill in call.account.fills.get(symbol, [])
        if fill.order_id in orders
        and orders[fill.order_id].used_sor
        and fill.trade_id >= first
        and (order_id is None or fill.order_id == order_id)
    ]
    chosen = select_by_time(rows, [fill.time for fill in rows], start or 0, end, params.limit())
    return [allocation_view(fill) for fill in chosen]


def amendments(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    order_id, first = params.required_integer("orderId"), params.integer("fromExecutionId") or 0
    rows = [
        row
        for row in call.account.amendments
        if row.symbol == symbol and row.order_id == order_id and row.execution_id >= first
    ]
    return [amendment_view(row) for row in rows[: params.limit()]]


def my_filters(call: Call) -> Json:
    info: dict[str, Any] = exchange_info(Call(call.state, call.endpoint, Params({"symbol": call.symbol}), call.now_ms))
    return {
        "exchangeFilters": info["exchangeFilters"],
        "symbolFilters": info["symbols"][0]["filters"],
        "assetFilters": [
            {"filterType": "MAX_ASSET", "asset": asset, "limit": fixed(limit)}
            for asset, limit in call.account.max_assets.items()
        ],
    }


def _my_trades_weight(params: Params) -> int:
    return 5 if "orderId" in params else 20


def _open_orders_weight(params: Params) -> int:
    return 6 if "symbol" in params else 80


def _prevented_weight(params: Params) -> int:
    return 20 if "orderId" in params else 2


_ORDER_IDS = ("symbol", "orderId", "origClientOrderId")
_USER = Security.USER_DATA

ACCOUNT_ENDPOINTS = (
    Endpoint("GET", "/api/v3/account", account, ("omitZeroBalances",), 20, "account.status", _USER),
    Endpoint("GET", "/api/v3/account/commission", account_commission, ("symbol",), 20, "account.commission", _USER),
    Endpoint("GET", "/api/v3/order", order_status, _ORDER_IDS, 4, "order.status", _USER),
    Endpoint("GET", "/api/v3/openOrders", open_orders, ("symbol",), _open_orders_weight, "openOrders.status", _USER),
    Endpoint(
        "GET", "/api/v3/allOrders", all_orders, ("symbol", "orderId", "startTime", "endTime", "limit"), 20,
        "allOrders", _USER,
    ),
    Endpoint(
        "GET", "/api/v3/orderList", order_list, ("orderListId", "origClientOrderId"), 4, "orderList.status", _USER
    ),
    Endpoint(
        "GET", "/api/v3/allOrderList", all_order_lists, ("fromId", "startTime", "endTime", "limit"), 20,
        "allOrderLists", _USER,
    ),
    Endpoint("GET", "/api/v3/openOrderList", open_order_lists, (), 6, "openOrderLists.status", _USER),
    Endpoint(
        "GET", "/api/v3/myTrades", my_trades, ("symbol", "orderId", "startTime", "endTime", "fromId", "limit"),
        _my_trades_weight, "myTrades", _USER,
    ),
    Endpoint("GET", "/api/v3/rateLimit/order", order_rate_limit, (), 40, "account.rateLimits.orders", _USER),
    Endpoint(
        "GET", "/api/v3/myPreventedMatches", prevented_matches,
        ("symbol", "preventedMatchId", "orderId", "fromPreventedMatchId", "limit"), _prevented_weight,
        "myPreventedMatches", _USER, weight_without_symbol=2,
    ),
    Endpoint(
        "GET", "/api/v3/myAllocations", allocations,
        ("symbol", "startTime", "endTime", "fromAllocationId", "limit", "orderId"), 20, "myAllocations", _USER,
    ),
    Endpoint(
        "GET", "/api/v3/order/amendments", amendments, ("symbol", "orderId", "fromExecutionId", "limit"), 4,
        "order.amendments", _USER,
    ),
    Endpoint("GET", "/api/v3/myFilters", my_filters, ("symbol",), 40, "myFilters", _USER),
)  # fmt: skip
