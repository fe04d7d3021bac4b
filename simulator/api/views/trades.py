"""The JSON shapes of trades, prevented matches and price levels."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.api.json_object import JsonObject
from simulator.engine.events import AggTradeEvent, PriceLevel, TradeEvent
from simulator.engine.numbers import fixed
from simulator.engine.orders import (
    EngineFill,
    PreventedMatch,
    StpMode,
)


def fill_view(fill: EngineFill, *, by_sor: bool = False) -> JsonObject:
    """A row of ``fills``; fills through smart order routing are allocations, not trades."""
    view: JsonObject = {
        "price": fixed(fill.price),
        "qty": fixed(fill.quantity),
        "commission": fixed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.trade_id,
    }
    if by_sor:
        view = {"matchType": "ONE_PARTY_TRADE_REPORT", **view, "tradeId": -1, "allocId": fill.trade_id}
    return view


def my_trade_view(fill: EngineFill) -> JsonObject:
    """A row of myTrades."""
    return {"symbol": fill.symbol, "id": fill.trade_id, **_execution(fill), "isBestMatch": True}


def allocation_view(fill: EngineFill) -> JsonObject:
    """A row of myAllocations: a fill through smart order routing."""
    kind = {"allocationId": fill.trade_id, "allocationType": "SOR"}
    return {"symbol": fill.symbol, **kind, **_execution(fill), "isAllocator": False}


def _execution(fill: EngineFill) -> JsonObject:
    return {
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
    }


def prevented_view(row: PreventedMatch) -> JsonObject:
    """A row of myPreventedMatches; a quantity shows only for the side the mode expires."""
    view: JsonObject = {
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


def _prevented_in_answer(row: PreventedMatch) -> JsonObject:
    """A prevented match as the answer to the taker's order shows it."""
    names = ("preventedMatchId", "makerOrderId", "price", "takerPreventedQuantity", "makerPreventedQuantity")
    view = prevented_view(row)
    return {name: view[name] for name in names if name in view}


def trade_view(trade: TradeEvent) -> JsonObject:
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


def agg_trade_view(row: AggTradeEvent) -> JsonObject:
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
