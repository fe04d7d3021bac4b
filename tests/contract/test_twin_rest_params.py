"""What the twin says to parameters that are missing, malformed or do not go together (rules: error codes)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.twin_rest import (
    BTC,
    HALTED,
    LIMIT_BUY,
    MARKET_BUY,
    OCO_SELL,
    OTO,
    STOP_SELL,
    RestClient,
    merged,
    refusal,
)

MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
DECIMALS = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
LONG_ID = "a" * 37

# (what is wrong, the valid order, the change, code, message)
ORDER_CASES: list[tuple[str, dict[str, Any], dict[str, Any], int, str]] = [
    ("no symbol", LIMIT_BUY, {"symbol": None}, -1102, MANDATORY.format("symbol")),
    ("no side", LIMIT_BUY, {"side": None}, -1102, MANDATORY.format("side")),
    ("no type", LIMIT_BUY, {"type": None}, -1102, MANDATORY.format("type")),
    ("LIMIT without timeInForce", LIMIT_BUY, {"timeInForce": None}, -1102, MANDATORY.format("timeInForce")),
    ("LIMIT without quantity", LIMIT_BUY, {"quantity": None}, -1102, MANDATORY.format("quantity")),
    ("LIMIT without price", LIMIT_BUY, {"price": None}, -1102, MANDATORY.format("price")),
    (
        "MARKET without a quantity",
        MARKET_BUY,
        {"quantity": None},
        -1102,
        "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
    ),
    (
        "MARKET with both quantities",
        MARKET_BUY,
        {"quoteOrderQty": "100"},
        -1128,
        "Combination of optional parameters invalid.",
    ),
    (
        "MARKET with timeInForce",
        MARKET_BUY,
        {"timeInForce": "GTC"},
        -1106,
        "Parameter 'timeInForce' sent when not required.",
    ),
    ("MARKET with price", MARKET_BUY, {"price": "1"}, -1106, "Parameter 'price' sent when not required."),
    ("LIMIT with stopPrice", LIMIT_BUY, {"stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
    (
        "LIMIT with quoteOrderQty",
        LIMIT_BUY,
        {"quoteOrderQty": "1"},
        -1106,
        "Parameter 'quoteOrderQty' sent when not required.",
    ),
    (
        "LIMIT_MAKER with timeInForce",
        LIMIT_BUY,
        {"type": "LIMIT_MAKER"},
        -1106,
        "Parameter 'timeInForce' sent when not required.",
    ),
    (
        "stop order without a trigger",
        STOP_SELL,
        {"stopPrice": None},
        -1102,
        "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
    ),
    ("unknown side", LIMIT_BUY, {"side": "HOLD"}, -1117, "Invalid side."),
    ("unknown type", LIMIT_BUY, {"type": "STOP"}, -1116, "Invalid orderType."),
    ("unknown timeInForce", LIMIT_BUY, {"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
    ("unknown symbol", LIMIT_BUY, {"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ("empty parameter", LIMIT_BUY, {"price": ""}, -1105, "Parameter 'price' was empty."),
    (
        "exponent in a decimal",
        LIMIT_BUY,
        {"quantity": "1e-05"},
        -1100,
        f"Illegal characters found in parameter 'quantity'; legal range is '{DECIMALS}'.",
    ),
    (
        "negative decimal",
        LIMIT_BUY,
        {"price": "-1"},
        -1100,
        f"Illegal characters found in parameter 'price'; legal range is '{DECIMALS}'.",
    ),
    (
        "illegal client order id",
        LIMIT_BUY,
        {"newClientOrderId": "a.b"},
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    (
        "client order id too long",
        LIMIT_BUY,
        {"newClientOrderId": LONG_ID},
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    (
        "unknown parameter",
        LIMIT_BUY,
        {"leverage": "3"},
        -1104,
        "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.",
    ),
    (
        "too much precision",
        LIMIT_BUY,
        {"quantity": "0.123456789"},
        -1111,
        "Parameter 'quantity' has too much precision.",
    ),
    ("quantity of zero", LIMIT_BUY, {"quantity": "0"}, -1013, "Invalid quantity."),
    ("strategyType too small", LIMIT_BUY, {"strategyType": "5"}, -1134, "strategyType was less than 1000000."),
    (
        "unknown response type",
        LIMIT_BUY,
        {"newOrderRespType": "ALL"},
        -1130,
        "Data sent for parameter 'newOrderRespType' is not valid.",
    ),
    ("unknown peg", LIMIT_BUY, {"pegPriceType": "MID"}, -1210, "Invalid pegPriceType."),
    (
        "half a peg offset",
        LIMIT_BUY,
        {"pegPriceType": "PRIMARY_PEG", "pegOffsetValue": "1"},
        -1128,
        "Fields [pegOffsetType, pegOffsetValue] must be sent together or omitted entirely.",
    ),
    (
        "LIMIT_MAKER pegged to the market",
        LIMIT_BUY,
        {"type": "LIMIT_MAKER", "timeInForce": None, "pegPriceType": "MARKET_PEG"},
        -2010,
        "This price peg cannot be used with this order type.",
    ),
    (
        "pegged MARKET",
        MARKET_BUY,
        {"pegPriceType": "MARKET_PEG"},
        -2010,
        "This order type may not use pegged price.",
    ),
    (
        "iceberg that is not GTC",
        LIMIT_BUY,
        {"icebergQty": "0.05", "timeInForce": "IOC"},
        -1014,
        "Unsupported order combination.",
    ),
    ("iceberg larger than the order", LIMIT_BUY, {"icebergQty": "0.2"}, -2010, "IcebergQty exceeds QTY."),
    ("iceberg as large as the order", LIMIT_BUY, {"icebergQty": "0.1"}, -2010, "IcebergQty exceeds QTY."),
    ("symbol that is halted", LIMIT_BUY, {"symbol": HALTED, "price": "90"}, -2010, "Market is closed."),
    ("number too long", LIMIT_BUY, {"strategyId": "9" * 20}, -1108, "Parameter 'strategyId' overflowed."),
    ("recvWindow too long", LIMIT_BUY, {"recvWindow": "60001"}, -1131, "recvWindow must be less than 60000."),
]


@pytest.mark.parametrize(
    ("valid", "change", "code", "message"), [case[1:] for case in ORDER_CASES], ids=[case[0] for case in ORDER_CASES]
)
async def test_a_bad_order_gets_the_exchanges_own_error(
    rest: RestClient, valid: dict[str, Any], change: dict[str, Any], code: int, message: str
) -> None:
    response = await rest.post("order", valid, **change)
    assert refusal(response) == (400, code, message)
    assert await rest.query("openOrders") == []


@pytest.mark.parametrize(
    ("valid", "change", "code", "message"), [case[1:] for case in ORDER_CASES], ids=[case[0] for case in ORDER_CASES]
)
async def test_order_test_refuses_what_order_refuses(
    rest: RestClient, valid: dict[str, Any], change: dict[str, Any], code: int, message: str
) -> None:
    assert refusal(await rest.post("order/test", valid, **change)) == (400, code, message)


NO_IDS = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
LIST_CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], int, str]] = [
    ("limit below in a sell OCO", "oco", OCO_SELL, {"aboveType": "STOP_LOSS", "aboveStopPrice": "52000",
     "abovePrice": None, "belowType": "LIMIT_MAKER", "belowPrice": "48000", "belowStopPrice": None}, -1166,
     "A limit order in a sell OCO must be above."),
    ("limit above in a buy OCO", "oco", OCO_SELL, {"side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    ("both legs limit", "oco", OCO_SELL, {"belowType": "LIMIT_MAKER", "belowStopPrice": None}, -1168,
     "At least one OCO order must be contingent."),
    ("LIMIT leg", "oco", OCO_SELL, {"aboveType": "LIMIT", "aboveTimeInForce": "GTC"}, -1158,
     "Order type not supported in OCO."),
    ("both legs limit, with a stop price", "oco", OCO_SELL, {"belowType": "LIMIT_MAKER"}, -1168,
     "At least one OCO order must be contingent."),
    ("MARKET leg", "oco", OCO_SELL, {"aboveType": "MARKET"}, -1158, "Order type not supported in OCO."),
    ("stop loss above, with the price of a limit", "oco", OCO_SELL, {"aboveType": "STOP_LOSS"}, -1197,
     "A stop loss order in a sell OCO must be below."),
    ("stop loss above in a sell OCO", "oco", OCO_SELL, {"aboveType": "STOP_LOSS", "abovePrice": None,
     "aboveStopPrice": "52000"}, -1197, "A stop loss order in a sell OCO must be below."),
    ("take profit below in a sell OCO", "oco", OCO_SELL, {"belowType": "TAKE_PROFIT_LIMIT"}, -1199,
     "A take profit order in a sell OCO must be above."),
    ("prices on the wrong side", "oco", OCO_SELL, {"belowStopPrice": "50500"}, -2010,
     "The relationship of the prices for the orders is not correct."),
    ("iceberg leg that is not GTC", "oco", OCO_SELL, {"belowIcebergQty": "0.01", "belowTimeInForce": "IOC"}, -1160,
     "Parameter 'belowIcebergQty' is not supported if 'belowTimeInForce' is not GTC."),
    ("OCO without quantity", "oco", OCO_SELL, {"quantity": None}, -1102, MANDATORY.format("quantity")),
    ("OTO without pending quantity", "oto", OTO, {"pendingQuantity": None}, -1102, MANDATORY.format("pendingQuantity")),
    ("OTO with a working MARKET", "oto", OTO, {"workingType": "MARKET", "workingPrice": None,
     "workingTimeInForce": None}, -1014, "Unsupported order combination."),
    ("OTO with a working STOP_LOSS", "oto", OTO, {"workingType": "STOP_LOSS"}, -1014, "Unsupported order combination."),
    ("OPO that sells first", "opo", OTO, {"pendingQuantity": None, "workingSide": "SELL", "pendingSide": "BUY"}, -1222,
     "Working order in an OPO list must be a bid."),
    ("OPO that buys again", "opo", OTO, {"pendingQuantity": None, "pendingSide": "BUY"}, -1223,
     "Pending orders in an OPO list must be asks."),
    ("OPO with a pending quantity", "opo", OTO, {}, -1225,
     "Pending orders should not include the 'pendingQuantity' tag."),
    ("OPO without a working quantity", "opo", OTO, {"workingQuantity": None, "pendingQuantity": None}, -1224,
     "Working order must include the 'workingQuantity' tag."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "valid", "change", "code", "message"),
    [case[1:] for case in LIST_CASES],
    ids=[case[0] for case in LIST_CASES],
)
async def test_a_bad_list_gets_the_exchanges_own_error(
    rest: RestClient, kind: str, valid: dict[str, Any], change: dict[str, Any], code: int, message: str
) -> None:
    assert refusal(await rest.post(f"orderList/{kind}", valid, **change)) == (400, code, message)
    assert await rest.query("openOrders") == []
    assert await rest.query("openOrderList") == []


@pytest.mark.parametrize(
    ("kind", "valid", "name"),
    [
        ("oco", OCO_SELL, "aboveQuantity"),
        ("oco", OCO_SELL, "belowQuantity"),
        ("oto", OTO, "workingStopPrice"),
        ("oto", OTO, "workingTrailingDelta"),
    ],
)
async def test_a_list_has_no_parameter_that_its_legs_do_not_read(
    rest: RestClient, kind: str, valid: dict[str, Any], name: str
) -> None:
    status, code, message = refusal(await rest.post(f"orderList/{kind}", valid, **{name: "5"}))
    assert (status, code) == (400, -1104)
    assert message.startswith("Not all sent parameters were read")
    assert await rest.query("openOrderList") == []


SIGNED_CASES: list[tuple[str, str, str, dict[str, Any], int, str]] = [
    ("query without an id", "GET", "order", {"symbol": BTC}, -1102, NO_IDS),
    ("cancel without an id", "DELETE", "order", {"symbol": BTC}, -1102, NO_IDS),
    ("query of nothing", "GET", "order", {"symbol": BTC, "orderId": "77"}, -2013, "Order does not exist."),
    ("cancel of nothing", "DELETE", "order", {"symbol": BTC, "orderId": "77"}, -2011, "Unknown order sent."),
    ("cancel all of nothing", "DELETE", "openOrders", {"symbol": BTC}, -2011, "Unknown order sent."),
    ("cancel of no list", "DELETE", "orderList", {"symbol": BTC, "orderListId": "5"}, -2011, "Unknown order sent."),
    ("order id that is no number", "GET", "order", {"symbol": BTC, "orderId": "abc"}, -1100,
     "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."),
    ("unknown restriction", "DELETE", "order", {"symbol": BTC, "orderId": "1", "cancelRestrictions": "ALL"}, -1145,
     "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED."),
    ("trades of more than a day", "GET", "myTrades", {"symbol": BTC, "startTime": "1", "endTime": "90000000"}, -1127,
     "More than 24 hours between startTime and endTime."),
    ("trades by order and time", "GET", "myTrades", {"symbol": BTC, "orderId": "1", "startTime": "1"}, -1128,
     "Combination of optional parameters invalid."),
    ("orders of more than a day", "GET", "allOrders", {"symbol": BTC, "startTime": "1", "endTime": "90000000"}, -1127,
     "More than 24 hours between startTime and endTime."),
    ("limit of zero", "GET", "myTrades", {"symbol": BTC, "limit": "0"}, -1130,
     "Data sent for parameter 'limit' is not valid."),
    ("amend of nothing", "PUT", "order/amend/keepPriority", {"symbol": BTC, "orderId": "9", "newQty": "1"}, -2013,
     "Order does not exist."),
    ("amend without an id", "PUT", "order/amend/keepPriority", {"symbol": BTC, "newQty": "1"}, -1102, NO_IDS),
    ("replace without a mode", "POST", "order/cancelReplace", {**LIMIT_BUY, "cancelOrderId": "1"}, -1102,
     MANDATORY.format("cancelReplaceMode")),
    ("replace without an id", "POST", "order/cancelReplace", {**LIMIT_BUY, "cancelReplaceMode": "STOP_ON_FAILURE"},
     -1102, "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!"),
    ("prevented matches of nothing", "GET", "myPreventedMatches", {"symbol": BTC}, -1128,
     "Combination of optional parameters invalid."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "params", "code", "message"),
    [case[1:] for case in SIGNED_CASES],
    ids=[case[0] for case in SIGNED_CASES],
)
async def test_a_bad_signed_call_gets_the_exchanges_own_error(
    rest: RestClient, method: str, path: str, params: dict[str, Any], code: int, message: str
) -> None:
    assert refusal(await rest.signed(method, path, params)) == (400, code, message)


PUBLIC_CASES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("unknown symbol", "depth", {"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ("lower case symbol", "depth", {"symbol": "btcusdt"}, -1100,
     r"Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'."),
    ("no symbol", "trades", {}, -1102, MANDATORY.format("symbol")),
    ("bad interval", "klines", {"symbol": BTC, "interval": "7m"}, -1120, "Invalid interval."),
    ("interval in the wrong case", "klines", {"symbol": BTC, "interval": "1D"}, -1120, "Invalid interval."),
    ("no interval", "klines", {"symbol": BTC}, -1102, MANDATORY.format("interval")),
    ("unknown parameter", "depth", {"symbol": BTC, "foo": "1"}, -1104,
     "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."),
    ("parameter for ping", "ping", {"foo": "1"}, -1101, "Too many parameters; expected '0' and received '1'."),
    ("symbol and symbols", "ticker/price", {"symbol": BTC, "symbols": '["BNBUSDT"]'}, -1128,
     "Combination of optional parameters invalid."),
    ("one symbol twice", "ticker/price", {"symbols": f'["{BTC}","{BTC}"]'}, -1151,
     "Symbol is present multiple times in the list."),
    ("ticker type", "ticker/24hr", {"symbol": BTC, "type": "HUGE"}, -1139, "Invalid ticker type."),
    ("status that does not fit", "ticker/price", {"symbol": BTC, "symbolStatus": "HALT"}, -1220,
     "The symbol's status does not match the requested symbolStatus."),
    ("unknown status", "exchangeInfo", {"symbolStatus": "OPEN"}, -1122, "Invalid symbolStatus."),
    ("status and symbol", "exchangeInfo", {"symbolStatus": "HALT", "symbol": BTC}, -1128,
     "Combination of optional parameters invalid."),
    ("permissions and symbol", "exchangeInfo", {"permissions": "SPOT", "symbol": BTC}, -1128,
     "Combination of optional parameters invalid."),
    ("unknown permission", "exchangeInfo", {"permissions": '["SPOT","LUNAR"]'}, -1130,
     "Data sent for parameter 'permissions' is not valid."),
    ("status that cannot be asked for", "exchangeInfo", {"symbolStatus": "END_OF_DAY"}, -1122, "Invalid symbolStatus."),
    ("rules of a symbol and a status", "executionRules", {"symbol": BTC, "symbolStatus": "TRADING"}, -1128,
     "Combination of optional parameters invalid."),
    ("rules of one symbol and several", "executionRules", {"symbol": BTC, "symbols": f'["{BTC}"]'}, -1128,
     "Combination of optional parameters invalid."),
    ("window too long", "ticker", {"symbol": BTC, "windowSize": "8d"}, -1130,
     "Data sent for parameter 'windowSize' is not valid."),
    ("no reference price", "referencePrice", {"symbol": BTC}, -2043, "This symbol doesn't have a reference price."),
    ("trades by id and time", "aggTrades", {"symbol": BTC, "fromId": "1", "startTime": "1"}, -1128,
     "Combination of optional parameters invalid."),
    ("bad time zone", "klines", {"symbol": BTC, "interval": "1d", "timeZone": "+20"}, -1130,
     "Data sent for parameter 'timeZone' is not valid."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "params", "code", "message"), [case[1:] for case in PUBLIC_CASES], ids=[case[0] for case in PUBLIC_CASES]
)
async def test_a_bad_public_call_gets_the_exchanges_own_error(
    rest: RestClient, path: str, params: dict[str, Any], code: int, message: str
) -> None:
    assert refusal(await rest.get(path, **params)) == (400, code, message)


async def test_the_same_parameter_twice_is_refused(rest: RestClient) -> None:
    response = await rest.http.get(f"/api/v3/depth?symbol={BTC}&symbol={BTC}")
    assert refusal(response) == (400, -1101, "Duplicate values for a parameter detected.")


async def test_valid_orders_of_every_table_row_are_accepted(rest: RestClient) -> None:
    for valid in (LIMIT_BUY, MARKET_BUY, STOP_SELL):
        assert (await rest.signed("POST", "order", merged(valid, {}))).status_code == 200
    assert (await rest.post("orderList/oco", OCO_SELL)).status_code == 200
    assert (await rest.post("orderList/oto", OTO)).status_code == 200
