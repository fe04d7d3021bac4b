"""Candles and tickers."""

from __future__ import annotations

import re
from typing import Any

from shared.src.domain.orders import Side
from simulator.api.calls import Call, Endpoint, Json
from simulator.api.params import Params, illegal, invalid
from simulator.api.rest.market import MARKET_PARAMS, count_symbols, several
from simulator.api.state import CandleRow, WindowStats
from simulator.engine.core import Market
from simulator.engine.errors import ApiError
from simulator.engine.numbers import ZERO, divide, fixed, floor8

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?")
_WINDOW = re.compile(r"([1-9]\d?)([mhd])")
_WINDOW_UNITS = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}


def klines(call: Call) -> Json:
    params = call.params
    symbol = call.symbol
    interval = params.required("interval")
    if interval not in INTERVALS:
        raise ApiError(-1120, "Invalid interval.")
    rows = call.market.klines(
        symbol,
        interval,
        start=params.time("startTime"),
        end=params.time("endTime"),
        limit=params.limit(),
        offset_ms=_zone(params),
    )
    return [kline_row(row) for row in rows]


def kline_row(row: CandleRow) -> list[Any]:
    """A candle as the twelve fields of GET klines."""
    return [
        row.open_time,
        fixed(row.open),
        fixed(row.high),
        fixed(row.low),
        fixed(row.close),
        fixed(row.volume),
        row.close_time,
        fixed(row.quote_volume),
        row.trades,
        fixed(row.taker_base),
        fixed(row.taker_quote),
        "0",
    ]


def _zone(params: Params) -> int:
    """``timeZone``: hours or hours and minutes from UTC, -12:00 .. +14:00, in ms."""
    text = params.text("timeZone")
    if text is None:
        return 0
    match = _ZONE.fullmatch(text)
    if match is None:
        raise invalid("timeZone")
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    minutes = -minutes if match[1] == "-" else minutes
    if not -720 <= minutes <= 840:
        raise invalid("timeZone")
    return minutes * MINUTE_MS


def _is_mini(params: Params) -> bool:
    kind = params.text("type")
    if kind not in {None, "FULL", "MINI"}:
        raise ApiError(-1139, "Invalid ticker type.")
    return kind == "MINI"


def ticker_24hr(call: Call) -> Json:
    mini = _is_mini(call.params)
    return several(call, lambda market: _day_view(call, market, mini=mini))


def _day_view(call: Call, market: Market, *, mini: bool) -> dict[str, Any]:
    symbol = market.rules.symbol
    stats = call.market.stats(symbol, open_time=call.now_ms - DAY_MS, close_time=call.now_ms)
    view = window_view(stats, mini=mini)
    if mini:
        return view
    bid, ask = market.book.best(Side.BUY) or (ZERO, ZERO), market.book.best(Side.SELL) or (ZERO, ZERO)
    quoted = {
        "prevClosePrice": fixed(stats.previous_close),
        "lastPrice": view["lastPrice"],
        "lastQty": fixed(stats.last_quantity),
        "bidPrice": fixed(bid[0]),
        "bidQty": fixed(bid[1]),
        "askPrice": fixed(ask[0]),
        "askQty": fixed(ask[1]),
    }
    first = ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")
    return {name: view[name] for name in first} | quoted | view


def window_view(stats: WindowStats, *, mini: bool) -> dict[str, Any]:
    """A ticker over a window: FULL without best prices, or MINI."""
    change = stats.last - stats.open
    percent = divide(change * 100, stats.open) if stats.open else ZERO
    average = floor8(divide(stats.quote_volume, stats.volume)) if stats.volume else ZERO
    changes = {
        "priceChange": fixed(change),
        "priceChangePercent": fixed(percent, 3),
        "weightedAvgPrice": fixed(average),
    }
    return {
        "symbol": stats.symbol,
        **({} if mini else changes),
        "openPrice": fixed(stats.open),
        "highPrice": fixed(stats.high),
        "lowPrice": fixed(stats.low),
        "lastPrice": fixed(stats.last),
        "volume": fixed(stats.volume),
        "quoteVolume": fixed(stats.quote_volume),
        "openTime": stats.open_time,
        "closeTime": stats.close_time,
        "firstId": stats.first_id,
        "lastId": stats.last_id,
        "count": stats.count,
    }


def ticker_day(call: Call) -> Json:
    zone, mini = _zone(call.params), _is_mini(call.params)
    start = call.now_ms - (call.now_ms + zone) % DAY_MS

    def view(market: Market) -> Json:
        stats = call.market.stats(market.rules.symbol, open_time=start, close_time=start + DAY_MS - 1)
        return window_view(stats, mini=mini)

    return several(call, view, required=True, most=100)


def ticker_window(call: Call) -> Json:
    size, mini = _window_ms(call.params), _is_mini(call.params)
    start = call.now_ms - size
    start -= start % MINUTE_MS

    def view(market: Market) -> Json:
        stats = call.market.stats(market.rules.symbol, open_time=start, close_time=call.now_ms)
        return window_view(stats, mini=mini)

    return several(call, view, required=True, most=100)


def _window_ms(params: Params) -> int:
    text = params.text("windowSize") or "1d"
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise illegal("windowSize", "^([1-9]|[1-5][0-9])m$|^([1-9]|1[0-9]|2[0-3])h$|^[1-7]d$")
    unit, most = _WINDOW_UNITS[match[2]]
    if int(match[1]) > most:
        raise invalid("windowSize")
    return int(match[1]) * unit


def ticker_price(call: Call) -> Json:
    return several(call, lambda market: {"symbol": market.rules.symbol, "price": fixed(market.last_price or ZERO)})


def ticker_book(call: Call) -> Json:
    return several(call, _book_view)


def _book_view(market: Market) -> Json:
    bid, ask = market.book.best(Side.BUY) or (ZERO, ZERO), market.book.best(Side.SELL) or (ZERO, ZERO)
    return {
        "symbol": market.rules.symbol,
        "bidPrice": fixed(bid[0]),
        "bidQty": fixed(bid[1]),
        "askPrice": fixed(ask[0]),
        "askQty": fixed(ask[1]),
    }


# -- weights --------------------------------------------------------------------------------------------------


def _day_ticker_weight(params: Params) -> int:
    count = count_symbols(params)
    if count is None or count > 100:
        return 80
    return 2 if count <= 20 else 40


def _window_ticker_weight(params: Params) -> int:
    return min(4 * (count_symbols(params) or 1), 200)


def _price_ticker_weight(params: Params) -> int:
    return 2 if "symbol" in params else 4


_KLINES = ("symbol", "interval", "startTime", "endTime", "timeZone", "limit")

TICKER_ENDPOINTS = (
    Endpoint("GET", "/api/v3/klines", klines, _KLINES, 2, "klines"),
    Endpoint("GET", "/api/v3/uiKlines", klines, _KLINES, 2, "uiKlines"),
    Endpoint("GET", "/api/v3/ticker/24hr", ticker_24hr, (*MARKET_PARAMS, "type"), _day_ticker_weight, "ticker.24hr"),
    Endpoint(
        "GET", "/api/v3/ticker/tradingDay", ticker_day, (*MARKET_PARAMS, "timeZone", "type"), _window_ticker_weight,
        "ticker.tradingDay",
    ),
    Endpoint(
        "GET", "/api/v3/ticker", ticker_window, (*MARKET_PARAMS, "windowSize", "type"), _window_ticker_weight, "ticker"
    ),
    Endpoint("GET", "/api/v3/ticker/price", ticker_price, MARKET_PARAMS, _price_ticker_weight, "ticker.price"),
    Endpoint("GET", "/api/v3/ticker/bookTicker", ticker_book, MARKET_PARAMS, _price_ticker_weight, "ticker.book"),
)  # fmt: skip
