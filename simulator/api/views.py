"""The JSON shapes of orders, lists, trades and accounts, as REST and the WebSocket API answer them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Any

from simulator.engine.accounts import Account, Commissions, Holding, Rates
from simulator.engine.events import AggTradeEvent, PriceLevel, TradeEvent
from simulator.engine.numbers import ZERO, fixed
from simulator.engine.orders import (
    STOP_TYPES,
    Amendment,
    AmendResult,
    Cancellation,
    EngineFill,
    EngineOrder,
    ExpiryReason,
    ListCancellation,
    ListPlacement,
    OrderList,
    OrderStatus,
    OrderType,
    Placement,
    PreventedMatch,
    StpMode,
)

View = dict[str, Any]


class ResponseType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


def default_response(kind: OrderType) -> ResponseType:
    """MARKET and LIMIT answer FULL, everything else ACK."""
    return ResponseType.FULL if kind in {OrderType.MARKET, OrderType.LIMIT} else ResponseType.ACK


def placement_view(placement: Placement, kind: ResponseType, now_ms: int) -> View:
    """The answer to a new order."""
    order = placement.order
    view: View = {
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


def _state(order: EngineOrder) -> View:
    view: View = {
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


def fill_view(fill: EngineFill, *, by_sor: bool = False) -> View:
    """A row of ``fills``; fills through smart order routing are allocations, not trades."""
    view: View = {
        "price": fixed(fill.price),
        "qty": fixed(fill.quantity),
        "commission": fixed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.trade_id,
    }
    if by_sor:
        view = {"matchType": "ONE_PARTY_TRADE_REPORT", **view, "tradeId": -1, "allocId": fill.trade_id}
    return view


def conditional_fields(order: EngineOrder) -> View:
    """Fields that appear only where they apply ("Conditional fields in Order Responses" of the REST docs)."""
    view: View = {}
    if order.iceberg:
        view["icebergQty"] = fixed(order.iceberg)
    if order.prevented_match_id is not None and order.status is OrderStatus.EXPIRED_IN_MATCH:
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


def order_view(order: EngineOrder) -> View:
    """An order as queries show it."""
    state = _state(order)
    quote_quantity = state.pop("origQuoteOrderQty")
    view: View = {
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


def cancel_view(cancellation: Cancellation) -> View:
    """The answer to a cancel; ``clientOrderId`` is the id of the cancel itself."""
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


def list_view(order_list: OrderList) -> View:
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


def list_placement_view(placed: ListPlacement, kind: ResponseType | None, now_ms: int) -> View:
    """The answer to a new list; without a response type each report has its order's default."""
    reports = [placement_view(placement, kind or ResponseType.RESULT, now_ms) for placement in placed.placements]
    return {**list_view(placed.order_list), "orderReports": reports}


def list_cancel_view(cancelled: ListCancellation) -> View:
    """The answer to the cancel of a list."""
    view = list_view(cancelled.order_list)
    view["transactionTime"] = cancelled.time
    return {**view, "orderReports": [cancel_view(item) for item in cancelled.cancellations]}


def amend_view(result: AmendResult, now_ms: int) -> View:
    """The answer to an amend; here it is cumulativeQuoteQty, with one m."""
    order, amendment = result.order, result.amendment
    amended: View = {
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
    view: View = {"transactTime": now_ms, "executionId": amendment.execution_id, "amendedOrder": amended}
    if result.order_list is not None:
        shown = list_view(result.order_list)
        view["listStatus"] = {key: shown[key] for key in shown if key not in {"listStatusType", "transactionTime"}}
    return view


def amendment_view(row: Amendment) -> View:
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


def my_trade_view(fill: EngineFill) -> View:
    """A row of myTrades."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": fill.order_list_id,
        "price": fixed(fill.price),
        "qty": fixed(fill.quantity),
        "quoteQty": fixed(fill.quote),
        "commission": fixed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.time,
        "isBuyer": fill.is_buyer,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def prevented_view(row: PreventedMatch) -> View:
    """A row of myPreventedMatches; a quantity shows only for the side the mode expires."""
    view: View = {
        "symbol": row.symbol,
        "preventedMatchId": row.prevented_match_id,
        "takerOrderId": row.taker_order_id,
        "makerSymbol": row.symbol,
        "makerOrderId": row.maker_order_id,
        "tradeGroupId": row.trade_group_id,
        "selfTradePreventionMode": row.stp.value,
        "price": fixed(row.price),
    }
    if row.stp is not StpMode.EXPIRE_MAKER:
        view["takerPreventedQuantity"] = fixed(row.taker_quantity)
    if row.stp is not StpMode.EXPIRE_TAKER:
        view["makerPreventedQuantity"] = fixed(row.maker_quantity)
    return {**view, "transactTime": row.time}


def _prevented_in_answer(row: PreventedMatch) -> View:
    """A prevented match as the answer to the taker's order shows it."""
    names = ("preventedMatchId", "makerOrderId", "price", "takerPreventedQuantity", "makerPreventedQuantity")
    view = prevented_view(row)
    return {name: view[name] for name in names if name in view}


def trade_view(trade: TradeEvent) -> View:
    """A row of trades."""
    return {
        "id": trade.trade_id,
        "price": fixed(trade.price),
        "qty": fixed(trade.quantity),
        "quoteQty": fixed(trade.quote),
        "time": trade.time,
        "isBuyerMaker": trade.is_buyer_maker,
        "isBestMatch": True,
    }


def agg_trade_view(row: AggTradeEvent) -> View:
    """A row of aggTrades."""
    return {
        "a": row.agg_id,
        "p": fixed(row.price),
        "q": fixed(row.quantity),
        "f": row.first_trade_id,
        "l": row.last_trade_id,
        "T": row.time,
        "m": row.is_buyer_maker,
        "M": True,
    }


def levels_view(levels: Iterable[PriceLevel]) -> list[list[str]]:
    """Price levels as pairs of texts."""
    return [[fixed(price), fixed(quantity)] for price, quantity in levels]


def rates_view(rates: Rates) -> View:
    return {
        "maker": fixed(rates.maker),
        "taker": fixed(rates.taker),
        "buyer": fixed(rates.buyer),
        "seller": fixed(rates.seller),
    }


def discount_view(account: Account) -> View:
    """``discount`` is a multiplier: 0.75 is 25 % off the standard commission."""
    return {
        "enabledForAccount": account.bnb_discount,
        "enabledForSymbol": True,
        "discountAsset": "BNB",
        "discount": fixed(account.discount),
    }


def commission_view(account: Account, symbol: str) -> View:
    """account/commission."""
    found = account.commissions_of(symbol)
    return {
        "symbol": symbol,
        "standardCommission": rates_view(found.standard),
        "specialCommission": rates_view(found.special),
        "taxCommission": rates_view(found.tax),
        "discount": discount_view(account),
    }


def order_commission_view(account: Account, symbol: str, *, is_buyer: bool) -> View:
    """order/test with computeCommissionRates: what this order would pay as maker and as taker."""
    found: Commissions = account.commissions_of(symbol)
    view: View = {}
    for name, rates in (("standard", found.standard), ("special", found.special), ("tax", found.tax)):
        view[f"{name}CommissionForOrder"] = {
            "maker": fixed(rates.rate(is_maker=True, is_buyer=is_buyer)),
            "taker": fixed(rates.rate(is_maker=False, is_buyer=is_buyer)),
        }
    return {**view, "discount": discount_view(account)}


def _balances(account: Account, listed: Iterable[str]) -> list[tuple[str, Holding]]:
    """The account's own balances first, then an empty one for every other listed asset."""
    rows = dict(account.balances)
    for asset in listed:
        rows.setdefault(asset, Holding())
    return list(rows.items())


def account_view(account: Account, listed: Iterable[str], *, omit_zero: bool) -> View:
    """GET account; assets that are ``listed`` on the exchange show even if the account never had any."""
    rates = account.commissions.standard
    bips = Decimal(10_000)
    return {
        "makerCommission": int(rates.maker * bips),
        "takerCommission": int(rates.taker * bips),
        "buyerCommission": int(rates.buyer * bips),
        "sellerCommission": int(rates.seller * bips),
        "commissionRates": rates_view(rates),
        "canTrade": account.can_trade,
        "canWithdraw": account.can_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.update_time,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": fixed(balance.free), "locked": fixed(balance.locked)}
            for asset, balance in _balances(account, listed)
            if not omit_zero or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": account.uid,
        **({"tradeGroupId": account.trade_group_id} if account.trade_group_id != -1 else {}),
    }
