"""The JSON shapes of accounts and what they pay."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from simulator.api.json_object import JsonObject
from simulator.engine.accounts import Account, Commissions, Holding, Rates
from simulator.engine.numbers import fixed


def rates_view(rates: Rates) -> JsonObject:
    return {
        "maker": fixed(rates.maker),
        "taker": fixed(rates.taker),
        "buyer": fixed(rates.buyer),
        "seller": fixed(rates.seller),
    }


def discount_view(account: Account) -> JsonObject:
    """``discount`` is a multiplier: 0.75 is 25 % off the standard commission."""
    return {
        "enabledForAccount": account.bnb_discount,
        "enabledForSymbol": True,
        "discountAsset": "BNB",
        "discount": fixed(account.discount),
    }


def commission_view(account: Account, symbol: str) -> JsonObject:
    """account/commission."""
    found = account.commissions_of(symbol)
    return {
        "symbol": symbol,
        "standardCommission": rates_view(found.standard),
        "specialCommission": rates_view(found.special),
        "taxCommission": rates_view(found.tax),
        "discount": discount_view(account),
    }


def order_commission_view(account: Account, symbol: str, *, is_buyer: bool) -> JsonObject:
    """order/test with computeCommissionRates: what this order would pay as maker and as taker."""
    found: Commissions = account.commissions_of(symbol)
    view: JsonObject = {}
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


def account_view(account: Account, listed: Iterable[str], *, omit_zero: bool) -> JsonObject:
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
