"""What clients ask of the wallet before they trade: coins, fees, the state of account and system, margin, delistings.

The twin trades spot alone: of margin and futures it lists nothing, in the shape in which Binance lists them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from shared.src.domain.clock import from_ms
from simulator.api.calls import SIGNED_PARAMS, Call, Endpoint, Json, Security
from simulator.api.state import Transfer
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


def deposits(call: Call) -> Json:
    """capital/deposit/hisrec: what the control door put into the account, the newest first."""
    return [
        {
            "id": f"{call.account.uid}-{transfer.number}",
            "amount": _rate(transfer.amount),
            "coin": transfer.asset,
            "network": transfer.asset,
            "status": 1,
            "address": "",
            "addressTag": "",
            "txId": f"twin-{transfer.number}",
            "insertTime": transfer.at_ms,
            "completeTime": transfer.at_ms,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 0,
            "walletType": 0,
        }
        for transfer in _transfers(call)
        if transfer.amount > ZERO
    ]


def withdrawals(call: Call) -> Json:
    """capital/withdraw/history: what the control door took out of the account, the newest first; at no fee."""
    return [
        {
            "id": f"{call.account.uid}-{transfer.number}",
            "amount": _rate(-transfer.amount),
            "transactionFee": "0",
            "coin": transfer.asset,
            "status": 6,
            "address": "",
            "txId": f"twin-{transfer.number}",
            "applyTime": _utc(transfer.at_ms),
            "network": transfer.asset,
            "transferType": 0,
            "confirmNo": 1,
            "walletType": 0,
            "txKey": "",
            "completeTime": _utc(transfer.at_ms),
        }
        for transfer in _transfers(call)
        if transfer.amount < ZERO
    ]


def _transfers(call: Call) -> list[Transfer]:
    """Those of the account in the time and of the coin that were asked for, the newest first."""
    first, last = call.params.integer("startTime") or 0, call.params.integer("endTime") or call.now_ms
    coin = call.params.text("coin")
    return [
        transfer
        for transfer in reversed(call.state.transfers)
        if transfer.account == call.account.name and first <= transfer.at_ms <= last and coin in {None, transfer.asset}
    ]


def _utc(at_ms: int) -> str:
    return from_ms(at_ms).strftime("%Y-%m-%d %H:%M:%S")


def no_dividends(call: Call) -> Json:
    """asset/assetDividend: interest and airdrops."""
    return {"rows": [], "total": 0}


def no_conversions(call: Call) -> Json:
    """convert/tradeFlow: nothing was converted outside of the order books."""
    span = {"startTime": call.params.integer("startTime"), "endTime": call.params.integer("endTime")}
    return {"list": [], **span, "limit": 100, "moreData": False}


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
_HISTORY = ("coin", "status", "startTime", "endTime", "offset", "limit")

WALLET_ENDPOINTS = (
    Endpoint("GET", "/sapi/v1/system/status", system_status, SIGNED_PARAMS, sapi="IP"),
    Endpoint("GET", "/sapi/v1/capital/config/getall", coins, weight=10, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/account/status", account_status, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/account/apiTradingStatus", api_trading_status, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/account/info", account_info, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/asset/tradeFee", trade_fee, ("symbol",), security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/asset/dribblet", no_dust, ("accountType", "startTime", "endTime"), security=_USER,
             sapi="IP"),
    Endpoint("GET", "/sapi/v1/capital/deposit/hisrec", deposits, _HISTORY, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/capital/withdraw/history", withdrawals, _HISTORY, security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/asset/assetDividend", no_dividends, ("asset", "startTime", "endTime", "limit"), 10,
             security=_USER, sapi="IP"),
    Endpoint("GET", "/sapi/v1/convert/tradeFlow", no_conversions, ("startTime", "endTime", "limit"), 3000,
             security=_USER, sapi="UID"),
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
