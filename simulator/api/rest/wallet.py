"""What clients ask of the wallet before they trade: coins, fees, the state of account and system, margin, delistings.

The twin trades spot alone: of margin and futures it lists nothing, in the shape in which Binance lists them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.api.calls import SIGNED_PARAMS, Call, Endpoint, Json, Security
from simulator.engine.accounts import Holding
from simulator.engine.core import DISCOUNT_ASSET
from simulator.engine.numbers import ZERO, fixed, multiply

VALUED_IN = "BTC"
LEGAL_MONEY = frozenset({"EUR", "USD", "GBP", "TRY", "BRL", "JPY", "AUD", "UAH", "PLN", "ARS", "MXN", "ZAR"})
EMPTY = Holding()


def _coins(call: Call) -> dict[str, None]:
    """Every asset of a listed symbol, and those the account holds besides."""
    rules = [market.rules for market in call.state.exchange.markets.values()]
    listed = dict.fromkeys(asset for entry in rules for asset in (entry.base, entry.quote))
    return listed | dict.fromkeys(call.account.balances)


def coins(call: Call) -> Json:
    """capital/config/getall."""
    balances = call.account.balances
    return [_coin(asset, balances.get(asset, EMPTY)) for asset in _coins(call)]


def _coin(asset: str, held: Holding) -> dict[str, Any]:
    return {
        "coin": asset,
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "name": asset,
        "free": fixed(held.free),
        "locked": fixed(held.locked),
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": asset in LEGAL_MONEY,
        "trading": True,
        "networkList": [_network(asset)],
    }


def _network(asset: str) -> dict[str, Any]:
    """One network for each coin, named like it: nothing leaves the twin."""
    return {
        "network": asset,
        "coin": asset,
        "withdrawIntegerMultiple": "0.00000001",
        "isDefault": True,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "name": asset,
        "resetAddressStatus": False,
        "addressRegex": "",
        "memoRegex": "",
        "withdrawFee": "0",
        "withdrawMin": "0",
        "withdrawMax": "9999999999.99999999",
        "minConfirm": 1,
        "unLockConfirm": 0,
        "sameAddress": False,
        "estimatedArrivalTime": 5,
        "busy": False,
    }


def user_assets(call: Call) -> Json:
    """asset/getUserAsset: what is held, valued in BTC on request."""
    wanted = call.params.text("asset")
    valued = call.params.boolean("needBtcValuation", default=False)
    return [
        {
            "asset": asset,
            "free": fixed(held.free),
            "locked": fixed(held.locked),
            "freeze": "0",
            "withdrawing": "0",
            "ipoable": "0",
            "btcValuation": fixed(_in_btc(call, asset, held.free + held.locked) if valued else ZERO),
        }
        for asset, held in call.account.balances.items()
        if (held.free or held.locked) and wanted in {None, asset}
    ]


def _in_btc(call: Call, asset: str, amount: Decimal) -> Decimal:
    if asset == VALUED_IN:
        return amount
    rate = call.state.exchange.core.convert_rate(asset, VALUED_IN)
    return ZERO if rate is None else multiply(amount, rate)


def nothing_listed(call: Call) -> Json:
    """Pairs of margin trading, assets of the funding wallet: there are none."""
    return []


def no_dust(call: Call) -> Json:
    """asset/dribblet: dust that was converted."""
    return {"total": 0, "userAssetDribblets": []}


def account_status(call: Call) -> Json:
    return {"data": "Normal"}


def api_trading_status(call: Call) -> Json:
    """Whether trading by API is locked for bad behaviour."""
    return {
        "data": {
            "isLocked": not call.account.can_trade,
            "plannedRecoverTime": 0,
            "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
            "updateTime": 0,
        }
    }


def account_info(call: Call) -> Json:
    return {"vipLevel": 0, "isMarginEnabled": False, "isFutureEnabled": False, "isOptionsEnabled": False}


def discount_switch(call: Call) -> Json:
    """bnbBurn: whether commissions are paid in BNB."""
    return {"spotBNBBurn": call.account.bnb_discount, "interestBNBBurn": False}


def change_discount(call: Call) -> Json:
    call.account.bnb_discount = call.params.boolean("spotBNBBurn", default=call.account.bnb_discount)
    call.account.touched[DISCOUNT_ASSET] = None
    call.state.exchange.core.report_balances(call.account, call.now_ms)
    return discount_switch(call)


def delist_schedule(call: Call) -> Json:
    """Symbols that will be delisted, by the time (ms) at which they will be, soonest first."""
    by_time: dict[int, list[str]] = {}
    for symbol, at_ms in call.state.delistings.items():
        by_time.setdefault(at_ms, []).append(symbol)
    return [{"delistTime": at_ms, "symbols": by_time[at_ms]} for at_ms in sorted(by_time)]


def system_status(call: Call) -> Json:
    """Whether the exchange works; maintenance is a fault here, answered with 503 before anyone asks."""
    return {"status": 0, "msg": "normal"}


def trade_fee(call: Call) -> Json:
    """What an account pays as maker and taker, per symbol."""
    markets, wanted = call.state.exchange.markets, call.params.optional_symbol()
    symbols = list(markets) if wanted is None else [call.symbol]
    rows = []
    for symbol in symbols:
        rates = call.account.commissions_of(symbol).standard
        rows.append({"symbol": symbol, "makerCommission": _rate(rates.maker), "takerCommission": _rate(rates.taker)})
    return rows


def _rate(rate: Decimal) -> str:
    return format(rate.normalize(), "f")


def no_futures(call: Call) -> Json:
    """exchangeInfo of the futures exchanges, which clients read beside the one of spot."""
    return {"timezone": "UTC", "serverTime": call.now_ms, "rateLimits": [], "exchangeFilters": [], "symbols": []}


_USER, _TRADE = Security.USER_DATA, Security.TRADE
_FUNDING = ("asset", "needBtcValuation")

WALLET_ENDPOINTS = (
    Endpoint("GET", "/sapi/v1/system/status", system_status, SIGNED_PARAMS, sapi="IP"),
    Endpoint("GET", "/sapi/v1/capital/config/getall", coins, weight=10, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/account/status", account_status, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/account/apiTradingStatus", api_trading_status, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/account/info", account_info, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/asset/tradeFee", trade_fee, ("symbol",), security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/asset/dribblet", no_dust, ("accountType", "startTime", "endTime"), security=_USER,
             sapi="IP"),
    Endpoint("POST", "/sapi/v3/asset/getUserAsset", user_assets, _FUNDING, 5, security=_USER, sapi="IP"),
    Endpoint("POST", "/sapi/v1/asset/get-funding-asset", nothing_listed, _FUNDING, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/bnbBurn", discount_switch, security=_USER, sapi="IP"),
    Endpoint("POST", "/sapi/v1/bnbBurn", change_discount, ("spotBNBBurn", "interestBNBBurn"), security=_TRADE,
             sapi="IP"),
    # For these a key is enough: whoever signs them all the same is not refused.
    Endpoint("GET", "/sapi/v1/margin/allPairs", nothing_listed, ("symbol", *SIGNED_PARAMS), sapi="IP"),
    Endpoint("GET", "/sapi/v1/margin/isolated/allPairs", nothing_listed, ("symbol", *SIGNED_PARAMS), 10, sapi="IP"),
    Endpoint("GET", "/sapi/v1/margin/allAssets", nothing_listed, ("asset", *SIGNED_PARAMS), sapi="IP"),
    Endpoint("GET", "/sapi/v1/spot/delist-schedule", delist_schedule, SIGNED_PARAMS, 100, sapi="IP"),
    Endpoint("GET", "/fapi/v1/exchangeInfo", no_futures, sapi="IP"),
    Endpoint("GET", "/dapi/v1/exchangeInfo", no_futures, sapi="IP"),
)  # fmt: skip
