"""The bodies of market streams, field by field as Binance sends them. Times are ms times ``unit`` (1, or 1000 for
microseconds)."""

from collections.abc import Iterable
from decimal import Decimal

from simulator.api.json_object import JsonObject
from simulator.engine.events import AggTradeEvent, BookEvent, TradeEvent
from simulator.engine.numbers import fixed
from simulator.market import series as column
from simulator.market.series import fixed as fixed_int
from simulator.market.window import Window

Levels = Iterable[tuple[Decimal, Decimal]]


def levels(offers: Levels) -> list[list[str]]:
    """Price levels as pairs of strings."""
    return [[fixed(price), fixed(quantity)] for price, quantity in offers]


def trade(event: TradeEvent, now_ms: int, unit: int) -> JsonObject:
    return {
        "e": "trade",
        "E": now_ms * unit,
        "s": event.symbol,
        "t": event.trade_id,
        "p": fixed(event.price),
        "q": fixed(event.quantity),
        "T": event.time * unit,
        "m": event.is_buyer_maker,
        "M": True,
    }


def agg_trade(event: AggTradeEvent, now_ms: int, unit: int) -> JsonObject:
    return {
        "e": "aggTrade",
        "E": now_ms * unit,
        "s": event.symbol,
        "a": event.agg_id,
        "p": fixed(event.price),
        "q": fixed(event.quantity),
        "f": event.first_trade_id,
        "l": event.last_trade_id,
        "T": event.time * unit,
        "m": event.is_buyer_maker,
        "M": True,
    }


def book_ticker(event: BookEvent) -> JsonObject:
    """Best levels; this stream carries neither event type nor time."""
    zero = (Decimal(0), Decimal(0))
    bid, ask = event.best_bid or zero, event.best_ask or zero
    return {
        "u": event.final_update_id,
        "s": event.symbol,
        "b": fixed(bid[0]),
        "B": fixed(bid[1]),
        "a": fixed(ask[0]),
        "A": fixed(ask[1]),
    }


def depth_update(symbol: str, now_ms: int, unit: int, ids: tuple[int, int], bids: Levels, asks: Levels) -> JsonObject:
    return {
        "e": "depthUpdate",
        "E": now_ms * unit,
        "s": symbol,
        "U": ids[0],
        "u": ids[1],
        "b": levels(bids),
        "a": levels(asks),
    }


def partial_depth(update_id: int, bids: Levels, asks: Levels) -> JsonObject:
    """The best levels; this stream carries no symbol."""
    return {"lastUpdateId": update_id, "bids": levels(bids), "asks": levels(asks)}


def kline(
    symbol: str, interval: str, row: list[int], *, end_ms: int, decimals: int, is_closed: bool, now_ms: int, unit: int
) -> JsonObject:
    """``row`` as the candle store keeps it, ``end_ms`` the open time of the next candle."""
    return {
        "e": "kline",
        "E": now_ms * unit,
        "s": symbol,
        "k": {
            "t": row[column.OPEN_MS] * unit,
            "T": end_ms * unit - 1,
            "s": symbol,
            "i": interval,
            "f": row[column.FIRST_ID],
            "L": row[column.LAST_ID],
            "o": fixed_int(row[column.OPEN]),
            "c": fixed_int(row[column.CLOSE]),
            "h": fixed_int(row[column.HIGH]),
            "l": fixed_int(row[column.LOW]),
            "v": fixed_int(row[column.VOLUME], decimals),
            "n": row[column.COUNT],
            "x": is_closed,
            "q": fixed_int(row[column.QUOTE]),
            "V": fixed_int(row[column.TAKER_BASE], decimals),
            "Q": fixed_int(row[column.TAKER_QUOTE]),
            "B": "0",
        },
    }


def mini_ticker(symbol: str, window: Window, now_ms: int, unit: int) -> JsonObject:
    return {
        "e": "24hrMiniTicker",
        "E": now_ms * unit,
        "s": symbol,
        "c": window.last,
        "o": window.open,
        "h": window.high,
        "l": window.low,
        "v": window.volume,
        "q": window.quote_volume,
    }


def ticker(
    symbol: str, window: Window, bid: tuple[Decimal, Decimal], ask: tuple[Decimal, Decimal], now_ms: int, unit: int
) -> JsonObject:
    return {
        "e": "24hrTicker",
        "E": now_ms * unit,
        "s": symbol,
        "p": window.change,
        "P": window.change_percent,
        "w": window.weighted_average,
        "x": window.previous_close,
        "c": window.last,
        "Q": window.last_quantity,
        "b": fixed(bid[0]),
        "B": fixed(bid[1]),
        "a": fixed(ask[0]),
        "A": fixed(ask[1]),
        "o": window.open,
        "h": window.high,
        "l": window.low,
        "v": window.volume,
        "q": window.quote_volume,
        "O": window.open_time * unit,
        "C": window.close_time * unit,
        "F": window.first_id,
        "L": window.last_id,
        "n": window.count,
    }


def rolling_ticker(symbol: str, size: str, window: Window, now_ms: int, unit: int) -> JsonObject:
    """``<symbol>@ticker_1h`` and its like."""
    return {
        "e": f"{size}Ticker",
        "E": now_ms * unit,
        "s": symbol,
        "p": window.change,
        "P": window.change_percent,
        "o": window.open,
        "h": window.high,
        "l": window.low,
        "c": window.last,
        "w": window.weighted_average,
        "v": window.volume,
        "q": window.quote_volume,
        "O": window.open_time * unit,
        "C": window.close_time * unit,
        "F": window.first_id,
        "L": window.last_id,
        "n": window.count,
    }


def average_price(symbol: str, price: Decimal, minutes: int, last_trade_ms: int, now_ms: int, unit: int) -> JsonObject:
    return {
        "e": "avgPrice",
        "E": now_ms * unit,
        "s": symbol,
        "i": f"{minutes}m",
        "w": fixed(price),
        "T": last_trade_ms * unit,
    }


def reference_price(symbol: str, price: Decimal | None, time_ms: int, unit: int) -> JsonObject:
    return {
        "e": "referencePrice",
        "s": symbol,
        "r": None if price is None else fixed(price),
        "t": time_ms * unit,
    }
