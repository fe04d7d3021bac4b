"""Market data endpoints: general information, books, trades, candles and tickers."""

from __future__ import annotations

import re
from collections.abc import Callable

from simulator.api.calls import Call, Endpoint, Json
from simulator.api.params import Params, check_symbol, invalid
from simulator.api.views.trades import agg_trade_view, levels_view, trade_view
from simulator.engine.core import Market
from simulator.engine.errors import ApiError
from simulator.engine.exchange import Engine
from simulator.engine.numbers import ZERO, fixed

DEPTH_MAX = 5000
# The statuses that can be asked for; a symbol may have others (END_OF_DAY, CANCEL_ONLY).
ASKED_STATUSES = ("TRADING", "HALT", "BREAK")
AVERAGE_MINUTES = 5
_PERMISSION = re.compile(r"SPOT|MARGIN|LEVERAGED|TRD_GRP_\d{3}")


# -- general --------------------------------------------------------------------------------------------------


def ping(call: Call) -> Json:
    return {}


def server_time(call: Call) -> Json:
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> Json:
    params, exchange = call.params, call.state.exchange
    status = _symbol_status(params)
    named = "symbol" in params or "symbols" in params
    if named and (status is not None or "permissions" in params):
        raise _bad_combination()
    show_sets = params.boolean("showPermissionSets", default=True)
    wanted = _wanted_markets(call)
    permissions = _permissions(params)
    if permissions is not None and "SPOT" not in permissions:
        wanted = []
    symbols = [
        market.rules.exchange_info(permission_sets=show_sets)
        for market in wanted
        if status is None or market.rules.status == status
    ]
    answer = {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": call.state.limits.table(by_websocket=call.by_websocket),
        "exchangeFilters": exchange_filters(exchange),
        "symbols": symbols,
    }
    return answer | {"sors": call.state.sors} if call.state.sors else answer


def exchange_filters(exchange: Engine) -> list[Json]:
    """The limits over all symbols of an account, as exchangeInfo lists them."""
    return [{"filterType": name, _count_name(name): limit} for name, limit in exchange.core.exchange_filters.items()]


def _bad_combination() -> ApiError:
    return ApiError(-1128, "Combination of optional parameters invalid.")


def _permissions(params: Params) -> list[str] | None:
    """``permissions``: one, or a JSON array of them."""
    text = params.text("permissions")
    if text is None:
        return None
    names = params.json_list("permissions") if text.startswith("[") else [text]
    if not names or not all(_PERMISSION.fullmatch(name) for name in names):
        raise invalid("permissions")
    return names


def _count_name(filter_name: str) -> str:
    return {
        "EXCHANGE_MAX_NUM_ORDERS": "maxNumOrders",
        "EXCHANGE_MAX_NUM_ALGO_ORDERS": "maxNumAlgoOrders",
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": "maxNumIcebergOrders",
        "EXCHANGE_MAX_NUM_ORDER_LISTS": "maxNumOrderLists",
    }[filter_name]


def _symbol_status(params: Params) -> str | None:
    status = params.text("symbolStatus")
    if status is not None and status not in ASKED_STATUSES:
        raise ApiError(-1122, "Invalid symbolStatus.")
    return status


def _wanted_markets(call: Call, *, most: int | None = None) -> list[Market]:
    """The markets of ``symbol`` or ``symbols``; all of them when neither was sent."""
    exchange, params = call.state.exchange, call.params
    one, several = params.optional_symbol(), params.json_list("symbols")
    if one is not None and several is not None:
        raise _bad_combination()
    if one is not None:
        return [exchange.market(one)]
    if several is None:
        return list(exchange.markets.values())
    if most is not None and len(several) > most:
        raise ApiError(-1101, f"Too many values sent for parameter 'symbols', maximum allowed up to {most}.")
    return [exchange.market(check_symbol(name, "symbols")) for name in several]


def several(call: Call, view: Callable[[Market], Json], *, required: bool = False, most: int | None = None) -> Json:
    """One object for ``symbol``, an array for ``symbols`` or nothing; ``symbolStatus`` filters."""
    params = call.params
    if required and "symbol" not in params and "symbols" not in params:
        raise ApiError(-1128, "Combination of optional parameters invalid. Recommendation: 'symbol' or 'symbols'.")
    markets, status = _wanted_markets(call, most=most), _symbol_status(params)
    if "symbol" in params:
        if status is not None and markets[0].rules.status != status:
            raise _status_mismatch()
        return view(markets[0])
    return [view(market) for market in markets if status is None or market.rules.status == status]


def _status_mismatch() -> ApiError:
    return ApiError(-1220, "The symbol's status does not match the requested symbolStatus.")


def _one_market(call: Call) -> Market:
    market, status = call.state.exchange.market(call.params.symbol()), _symbol_status(call.params)
    if status is not None and market.rules.status != status:
        raise _status_mismatch()
    return market


def execution_rules(call: Call) -> Json:
    rows = []
    if len(call.params) > 1:
        raise _bad_combination()
    status = _symbol_status(call.params)
    for market in _wanted_markets(call):
        rule = market.rules.price_range_rule
        if status is not None and market.rules.status != status:
            continue
        shown = (
            []
            if rule is None
            else [
                {
                    "ruleType": "PRICE_RANGE",
                    "bidLimitMultUp": fixed(rule.bid_up),
                    "bidLimitMultDown": fixed(rule.bid_down),
                    "askLimitMultUp": fixed(rule.ask_up),
                    "askLimitMultDown": fixed(rule.ask_down),
                }
            ]
        )
        rows.append({"symbol": market.rules.symbol, "rules": shown})
    return {"symbolRules": rows}


def reference_price(call: Call) -> Json:
    market = call.state.exchange.market(call.params.symbol())
    if not market.has_reference:
        raise ApiError(-2043, "This symbol doesn't have a reference price.")
    price = market.reference_price
    return {
        "symbol": market.rules.symbol,
        "referencePrice": None if price is None else fixed(price),
        "timestamp": market.reference_time,
    }


def reference_calculation(call: Call) -> Json:
    market = _one_market(call)
    if not market.has_reference:
        raise ApiError(-2043, "This symbol doesn't have a reference price.")
    return {"symbol": market.rules.symbol, "calculationType": "EXTERNAL", "externalCalculationId": 1}


# -- books and trades -----------------------------------------------------------------------------------------


def depth(call: Call) -> Json:
    symbol = _one_market(call).rules.symbol
    update_id, bids, asks = call.state.exchange.depth(symbol, call.params.limit(100, DEPTH_MAX))
    return {"lastUpdateId": update_id, "bids": levels_view(bids), "asks": levels_view(asks)}


def trades(call: Call) -> Json:
    tape = call.state.exchange.market(call.params.symbol()).tape
    return [trade_view(trade) for trade in tape.recent(call.params.limit())]


def historical_trades(call: Call) -> Json:
    tape = call.state.exchange.market(call.params.symbol()).tape
    from_id = call.params.integer("fromId")
    rows = tape.recent(call.params.limit()) if from_id is None else tape.from_id(from_id, call.params.limit())
    return [trade_view(trade) for trade in rows]


def block_trades(call: Call) -> Json:
    """Block trades are agreed outside the book; nobody agrees any here."""
    call.state.exchange.market(call.params.symbol())
    call.params.required_integer("fromId")
    return []


def agg_trades(call: Call) -> Json:
    params = call.params
    tape = call.state.exchange.market(params.symbol()).tape
    from_id, start, end = params.integer("fromId"), params.time("startTime"), params.time("endTime")
    if from_id is not None and (start is not None or end is not None):
        raise _bad_combination()
    rows = tape.aggregates_between(from_id=from_id, start=start, end=end, limit=params.limit())
    return [agg_trade_view(row) for row in rows]


def average_price(call: Call) -> Json:
    market = call.state.exchange.market(call.params.symbol())
    rules = market.rules
    minutes = rules.percent[0].average_minutes if rules.percent else AVERAGE_MINUTES
    price = market.tape.average(minutes, call.now_ms) or ZERO
    last = market.tape.trades[-1].time if market.tape.trades else call.now_ms
    return {"mins": minutes, "price": fixed(price), "closeTime": last}


# -- weights --------------------------------------------------------------------------------------------------


def _depth_weight(params: Params) -> int:
    limit = params.get("limit", "100")
    asked = int(limit) if limit.isdigit() else 100
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if asked <= most), 250)


def count_symbols(params: Params) -> int | None:
    """How many symbols a ticker call names; None for all."""
    if "symbol" in params:
        return 1
    several = params.get("symbols")
    return None if several is None else several.count(",") + 1


def _rules_weight(params: Params) -> int:
    return min(2 * (count_symbols(params) or 20), 40)


MARKET_PARAMS = ("symbol", "symbols", "symbolStatus")

MARKET_ENDPOINTS = (
    Endpoint("GET", "/api/v3/ping", ping, ws="ping"),
    Endpoint("GET", "/api/v3/time", server_time, ws="time"),
    Endpoint(
        "GET", "/api/v3/exchangeInfo", exchange_info,
        ("symbol", "symbols", "permissions", "symbolStatus", "showPermissionSets"), 20, "exchangeInfo",
    ),
    Endpoint("GET", "/api/v3/executionRules", execution_rules, MARKET_PARAMS, _rules_weight, "executionRules"),
    Endpoint("GET", "/api/v3/referencePrice", reference_price, ("symbol",), 2, "referencePrice"),
    Endpoint(
        "GET", "/api/v3/referencePrice/calculation", reference_calculation, ("symbol", "symbolStatus"), 2,
        "referencePrice.calculation",
    ),
    Endpoint("GET", "/api/v3/depth", depth, ("symbol", "limit", "symbolStatus"), _depth_weight, "depth"),
    Endpoint("GET", "/api/v3/trades", trades, ("symbol", "limit"), 25, "trades.recent"),
    Endpoint(
        "GET", "/api/v3/historicalTrades", historical_trades, ("symbol", "limit", "fromId"), 25, "trades.historical"
    ),
    Endpoint(
        "GET", "/api/v3/historicalBlockTrades", block_trades, ("symbol", "limit", "fromId"), 25,
        "blockTrades.historical",
    ),
    Endpoint(
        "GET", "/api/v3/aggTrades", agg_trades, ("symbol", "fromId", "startTime", "endTime", "limit"), 4,
        "trades.aggregate",
    ),
    Endpoint("GET", "/api/v3/avgPrice", average_price, ("symbol",), 2, "avgPrice"),
)  # fmt: skip
