"""The part of SAPI that a spot trader uses: key permissions and spot TWAP orders.

A TWAP order is an application on top of the exchange: it sells or buys a slice at market every 30 seconds of
market time. Due slices are worked by ``advance_algos``, which the runner calls as time passes and every
call here calls first.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.src.domain.orders import OrderType, Side
from simulator.api.calls import Call, Endpoint, Json, Security
from simulator.api.order_params import parse_side
from simulator.api.params import invalid, missing
from simulator.api.state import TwinState
from simulator.engine.accounts import Account
from simulator.engine.errors import ApiError
from simulator.engine.numbers import ZERO, divide, fixed, floor_to, multiply
from simulator.engine.orders import OrderRequest, TimeInForce

SLICE_MS = 30_000
DURATION_MIN_S = 300
DURATION_MAX_S = 86_400
OPEN_MAX = 20
NOTIONAL_MAX = Decimal(10_000_000)
CLIENT_ID_LENGTH = 32


@dataclass
class Twap:
    """One TWAP order and its progress."""

    algo_id: int
    account: str
    client_algo_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit: Decimal | None
    start_ms: int
    end_ms: int
    slices: int
    done_slices: int = 0
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    status: str = "WORKING"
    order_ids: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status == "WORKING"

    def due(self, now_ms: int) -> int:
        """How many slices should be done by now."""
        span = self.end_ms - self.start_ms
        passed = min(max(now_ms - self.start_ms, 0), span)
        return min(self.slices, 1 + passed * self.slices // span)


def advance_algos(state: TwinState, now_ms: int) -> None:
    """Work all slices that are due."""
    for algo in state.algos.values():
        while isinstance(algo, Twap) and algo.is_open and algo.done_slices < algo.due(now_ms):
            _work_slice(state, algo, now_ms)


def _work_slice(state: TwinState, algo: Twap, now_ms: int) -> None:
    market = state.exchange.market(algo.symbol)
    account = state.exchange.account(algo.account)
    algo.done_slices += 1
    goal = multiply(algo.quantity, Decimal(algo.done_slices)) / algo.slices
    quantity = floor_to(goal - algo.executed, market.rules.lot.step)
    if quantity > ZERO:
        request = OrderRequest(algo.symbol, algo.side, OrderType.MARKET, quantity)
        if algo.limit is not None:
            request = OrderRequest(algo.symbol, algo.side, OrderType.LIMIT, quantity, algo.limit, TimeInForce.IOC)
        try:
            placed = state.exchange.place(account, request, now_ms)
        except ApiError:
            # A slice that is too small or cannot be paid waits for the next one.
            placed = None
        if placed is not None:
            algo.executed += placed.order.executed
            algo.executed_quote += placed.order.cumulative_quote
            algo.order_ids = (*algo.order_ids, placed.order.order_id)
    if algo.executed >= algo.quantity:
        algo.status = "FINISHED"
    elif algo.done_slices >= algo.slices:
        algo.status = "FINISHED" if algo.executed else "EXPIRED"


def api_restrictions(call: Call) -> Json:
    """What the key may do. Keys of the twin never withdraw."""
    key = call.key
    return {
        "ipRestrict": key.ip_restricted,
        "createTime": call.state.clock.start_ms,
        "enableReading": key.can_read,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.can_trade,
        "enablePortfolioMarginTrading": False,
    }


def new_twap(call: Call) -> Json:
    params, state = call.params, call.state
    advance_algos(state, call.now_ms)
    symbol, side = call.symbol, parse_side(params, "side")
    quantity, duration = params.required_decimal("quantity"), params.required_integer("duration")
    client_id = params.text("clientAlgoId")
    if client_id is not None and len(client_id) != CLIENT_ID_LENGTH:
        raise invalid("clientAlgoId")
    limit = params.decimal("limitPrice")
    market = state.exchange.market(symbol)
    measure = limit or market.last_price or ZERO
    if multiply(measure, quantity) > NOTIONAL_MAX:
        raise ApiError(-20130, "The notional of the order is too large.")
    mine = [algo for algo in state.algos.values() if algo.account == call.account.name]
    if sum(algo.is_open for algo in mine) >= OPEN_MAX:
        raise ApiError(-20121, "You have reached the maximum number of open orders.")
    algo_id = len(state.algos) + 1
    client_id = client_id or f"{algo_id:032d}"
    if any(algo.client_algo_id == client_id for algo in mine):
        raise ApiError(-20132, "The client algo id is duplicated.")
    seconds = min(max(duration, DURATION_MIN_S), DURATION_MAX_S)
    state.algos[algo_id] = Twap(
        algo_id,
        call.account.name,
        client_id,
        symbol,
        side,
        quantity,
        limit,
        call.now_ms,
        call.now_ms + seconds * 1000,
        max(1, seconds * 1000 // SLICE_MS),
    )
    advance_algos(state, call.now_ms)
    return {"clientAlgoId": client_id, "success": True, "code": 0, "msg": "OK"}


def cancel_twap(call: Call) -> Json:
    advance_algos(call.state, call.now_ms)
    algo_id = call.params.integer("algoId")
    client_id = call.params.text("clientAlgoId")
    if algo_id is None and client_id is None:
        raise missing("algoId")
    found = next(
        (
            algo
            for algo in _mine(call)
            if algo.is_open and (algo_id in {None, algo.algo_id}) and client_id in {None, algo.client_algo_id}
        ),
        None,
    )
    if found is None:
        raise ApiError(-20124, "Algo order does not exist.")
    found.status = "CANCELLED"
    return {"algoId": found.algo_id, "success": True, "code": 0, "msg": "OK"}


def _mine(call: Call) -> list[Twap]:
    return [algo for algo in call.state.algos.values() if algo.account == call.account.name]


def open_twaps(call: Call) -> Json:
    advance_algos(call.state, call.now_ms)
    return _page(call, [algo for algo in _mine(call) if algo.is_open])


def historical_twaps(call: Call) -> Json:
    advance_algos(call.state, call.now_ms)
    return _page(call, [algo for algo in _mine(call) if not algo.is_open])


def _page(call: Call, rows: list[Twap]) -> Json:
    page, size = call.params.integer("page") or 1, min(call.params.integer("pageSize") or 100, 100)
    symbol, side = call.params.optional_symbol(), call.params.text("side")
    rows = [algo for algo in rows if symbol in {None, algo.symbol} and side in {None, algo.side.value}]
    shown = rows[(page - 1) * size : page * size]
    return {"total": len(rows), "orders": [_twap_view(algo) for algo in shown]}


def _twap_view(algo: Twap) -> dict[str, Any]:
    average = divide(algo.executed_quote, algo.executed) if algo.executed else ZERO
    return {
        "algoId": algo.algo_id,
        "symbol": algo.symbol,
        "side": algo.side.value,
        "totalQty": fixed(algo.quantity),
        "executedQty": fixed(algo.executed),
        "executedAmt": fixed(algo.executed_quote),
        "avgPrice": fixed(average),
        "clientAlgoId": algo.client_algo_id,
        "bookTime": algo.start_ms,
        "endTime": algo.end_ms,
        "algoStatus": algo.status,
        "algoType": "TWAP",
        "urgency": "LOW",
    }


def sub_orders(call: Call) -> Json:
    advance_algos(call.state, call.now_ms)
    algo_id = call.params.required_integer("algoId")
    found = next((algo for algo in _mine(call) if algo.algo_id == algo_id), None)
    if found is None:
        raise ApiError(-20124, "Algo order does not exist.")
    known = call.account.orders
    rows = [
        _sub_order(call.account, found, order_id, place)
        for place, order_id in enumerate(found.order_ids, 1)
        if order_id in known
    ]
    page, size = call.params.integer("page") or 1, min(call.params.integer("pageSize") or 100, 100)
    return {
        "total": len(rows),
        "executedQty": fixed(found.executed),
        "executedAmt": fixed(found.executed_quote),
        "subOrders": rows[(page - 1) * size : page * size],
    }


def _sub_order(account: Account, algo: Twap, order_id: int, place: int) -> dict[str, Any]:
    order = account.orders[order_id]
    average = divide(order.cumulative_quote, order.executed) if order.executed else ZERO
    fills = [fill for fill in account.fills.get(order.symbol, []) if fill.order_id == order_id]
    return {
        "algoId": algo.algo_id,
        "orderId": order_id,
        "orderStatus": order.status.value,
        "executedQty": fixed(order.executed),
        "executedAmt": fixed(order.cumulative_quote),
        "feeAmt": fixed(sum((fill.commission for fill in fills), ZERO)),
        "feeAsset": fills[0].commission_asset if fills else "",
        "bookTime": order.time,
        "avgPrice": fixed(average),
        "side": order.side.value,
        "symbol": order.symbol,
        "subId": place,
        "timeInForce": order.time_in_force.value,
        "origQty": fixed(order.quantity),
    }


_PAGES = ("page", "pageSize")
_FILTERED = ("symbol", "side", "startTime", "endTime", *_PAGES)
_USER, _TRADE = Security.USER_DATA, Security.TRADE
_ALGO = "/sapi/v1/algo/spot"

SAPI_ENDPOINTS = (
    Endpoint("GET", "/sapi/v1/account/apiRestrictions", api_restrictions, security=_USER, sapi="IP"),
    Endpoint(
        "POST", f"{_ALGO}/newOrderTwap", new_twap,
        ("symbol", "side", "quantity", "duration", "clientAlgoId", "limitPrice", "stpMode"), 3000,
        security=_TRADE, sapi="UID",
    ),
    Endpoint("DELETE", f"{_ALGO}/order", cancel_twap, ("algoId", "clientAlgoId"), security=_TRADE, sapi="IP"),
    Endpoint("GET", f"{_ALGO}/openOrders", open_twaps, _FILTERED, security=_USER, sapi="IP"),
    Endpoint("GET", f"{_ALGO}/historicalOrders", historical_twaps, _FILTERED, security=_USER, sapi="IP"),
    Endpoint("GET", f"{_ALGO}/subOrders", sub_orders, ("algoId", *_PAGES), security=_USER, sapi="IP"),
)  # fmt: skip
