"""Account endpoints (rules: account endpoints), and the part of SAPI that a spot trader uses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.engine.accounts import Commissions, Rates
from tests.contract.twin_rest import BTC, FIXTURE, LIMIT_BUY, LIMIT_SELL, MARKET_BUY, RestClient, fixture_with, refusal

TWAP = {"symbol": BTC, "side": "BUY", "quantity": "1", "duration": "300"}


async def test_account_has_its_fields(rest: RestClient) -> None:
    account = await rest.query("account")
    assert list(account) == [
        "makerCommission",
        "takerCommission",
        "buyerCommission",
        "sellerCommission",
        "commissionRates",
        "canTrade",
        "canWithdraw",
        "canDeposit",
        "brokered",
        "requireSelfTradePrevention",
        "preventSor",
        "updateTime",
        "accountType",
        "balances",
        "permissions",
        "uid",
    ]
    assert (account["makerCommission"], account["takerCommission"]) == (10, 20)
    assert account["commissionRates"]["taker"] == "0.00200000"
    assert account["balances"][0] == {"asset": "BTC", "free": "10.00000000", "locked": "0.00000000"}


async def test_zero_balances_can_be_left_out(rest: RestClient) -> None:
    await rest.order({**MARKET_BUY, "side": "SELL", "quantity": "5"})
    await rest.order({**MARKET_BUY, "side": "SELL", "quantity": "1"})
    await rest.order(LIMIT_SELL, quantity="4")
    rest.twin.state.exchange.account("alice").balance("DOGE")
    held = (await rest.query("account", omitZeroBalances="true"))["balances"]
    assert [row["asset"] for row in held] == ["BTC", "USDT"]
    assert "DOGE" in [row["asset"] for row in (await rest.query("account"))["balances"]]


async def test_commission_rates_of_a_symbol(rest: RestClient) -> None:
    account = rest.twin.state.exchange.account("alice")
    account.symbol_commissions[BTC] = Commissions(
        Rates(Decimal("0.001"), Decimal("0.002")), Rates(taker=Decimal("0.0001")), Rates(buyer=Decimal("0.0003"))
    )
    answer = await rest.query("account/commission", symbol=BTC)
    assert answer["specialCommission"]["taker"] == "0.00010000"
    assert answer["taxCommission"]["buyer"] == "0.00030000"
    assert answer["discount"] == {
        "enabledForAccount": False,
        "enabledForSymbol": True,
        "discountAsset": "BNB",
        "discount": "0.75000000",
    }
    fill = (await rest.order(MARKET_BUY, quantity="1"))["fills"][0]
    assert fill["commission"] == "0.00240000"


async def test_open_orders_of_a_symbol_and_of_all(rest: RestClient) -> None:
    await rest.order(LIMIT_BUY)
    await rest.order(LIMIT_BUY, symbol="BNBUSDT", price="400")
    assert len(await rest.query("openOrders", symbol=BTC)) == 1
    assert len(await rest.query("openOrders")) == 2


async def test_all_orders_by_id_and_by_time(rest: RestClient) -> None:
    for _ in range(3):
        await rest.order(LIMIT_BUY)
        await rest.twin.advance(1000)
    rows = await rest.query("allOrders", symbol=BTC)
    assert [row["orderId"] for row in rows] == [1, 2, 3]
    assert [row["orderId"] for row in await rest.query("allOrders", symbol=BTC, orderId="2")] == [2, 3]
    assert [row["orderId"] for row in await rest.query("allOrders", symbol=BTC, limit="1")] == [3]
    start = str(rows[1]["time"])
    assert [row["orderId"] for row in await rest.query("allOrders", symbol=BTC, startTime=start, limit="1")] == [2]
    assert [row["orderId"] for row in await rest.query("allOrders", symbol=BTC, endTime=start)] == [1, 2]


async def test_my_trades_have_their_fields_and_filters(rest: RestClient) -> None:
    first = await rest.order(MARKET_BUY, quantity="1.5")
    await rest.order(MARKET_BUY)
    rows = await rest.query("myTrades", symbol=BTC)
    assert list(rows[0]) == [
        "symbol",
        "id",
        "orderId",
        "orderListId",
        "price",
        "qty",
        "quoteQty",
        "commission",
        "commissionAsset",
        "time",
        "isBuyer",
        "isMaker",
        "isBestMatch",
    ]
    assert [row["id"] for row in rows] == [1, 2, 3]
    own = await rest.query("myTrades", symbol=BTC, orderId=str(first["orderId"]))
    assert [row["id"] for row in own] == [1, 2]
    assert [row["id"] for row in await rest.query("myTrades", symbol=BTC, fromId="2")] == [2, 3]
    assert [row["id"] for row in await rest.query("myTrades", symbol=BTC, limit="1")] == [3]


async def test_orders_cancelled_without_a_fill_are_archived_after_ninety_days(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    await rest.signed("DELETE", "order", {"symbol": BTC, "orderId": order["orderId"]})
    filled = await rest.order(MARKET_BUY)
    account = rest.twin.state.exchange.account("alice")
    for found in account.orders.values():
        found.update_time -= 91 * 86_400_000
    response = await rest.signed("GET", "order", {"symbol": BTC, "orderId": order["orderId"]})
    assert refusal(response)[:2] == (400, -2026)
    assert (await rest.query("order", symbol=BTC, orderId=str(filled["orderId"])))["status"] == "FILLED"


async def test_my_filters_show_the_asset_limits(rest: RestClient) -> None:
    rest.twin.state.exchange.account("alice").max_assets["BTC"] = Decimal(1)
    answer = await rest.query("myFilters", symbol=BTC)
    assert answer["assetFilters"] == [{"filterType": "MAX_ASSET", "asset": "BTC", "limit": "1.00000000"}]
    assert answer["symbolFilters"][0]["filterType"] == "PRICE_FILTER"
    assert refusal(await rest.post("order", MARKET_BUY, quantity="1.1"))[2] == "Filter failure: MAX_ASSET"


async def test_smart_order_routing_fills_are_allocations(rest: RestClient) -> None:
    order = {**LIMIT_BUY, "price": "50001"}
    assert refusal(await rest.post("sor/order", order))[1] == -1013
    rest.twin.state.sors.append({"baseAsset": "BTC", "symbols": [BTC]})
    answer = (await rest.post("sor/order", order)).json()
    assert (answer["usedSor"], answer["workingFloor"]) == (True, "SOR")
    assert (answer["fills"][0]["matchType"], answer["fills"][0]["tradeId"]) == ("ONE_PARTY_TRADE_REPORT", -1)
    rows = await rest.query("myAllocations", symbol=BTC)
    assert (rows[0]["allocationType"], rows[0]["orderId"]) == ("SOR", answer["orderId"])
    assert (await rest.post("sor/order/test", order)).json() == {}


async def test_reasons_of_expiry_show_in_queries(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY, timeInForce="FOK")
    view = await rest.query("order", symbol=BTC, orderId=str(order["orderId"]))
    assert view["expiryReason"] == "UNFILLED_FOK_ORDER_EXPIRED"


async def test_accounts_do_not_see_each_other(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    call = {"symbol": BTC, "orderId": order["orderId"]}
    assert refusal(await rest.signed("GET", "order", call, account="poor"))[1] == -2013
    assert refusal(await rest.signed("DELETE", "order", call, account="poor"))[1] == -2011


# -- SAPI -----------------------------------------------------------------------------------------------------


async def test_keys_of_the_twin_cannot_withdraw(rest: RestClient) -> None:
    answer = (await rest.signed("GET", "/sapi/v1/account/apiRestrictions")).json()
    assert (answer["enableReading"], answer["enableSpotAndMarginTrading"]) == (True, True)
    assert answer["enableWithdrawals"] is False


async def test_twap_works_its_slices_as_time_passes(rest: RestClient) -> None:
    placed = (await rest.signed("POST", "/sapi/v1/algo/spot/newOrderTwap", TWAP)).json()
    assert (placed["success"], placed["code"], placed["msg"]) == (True, 0, "OK")
    assert len(placed["clientAlgoId"]) == 32
    orders = (await rest.signed("GET", "/sapi/v1/algo/spot/openOrders")).json()
    assert (orders["total"], orders["orders"][0]["executedQty"]) == (1, "0.10000000")
    for _ in range(10):
        await rest.twin.advance(30_000)
    assert (await rest.signed("GET", "/sapi/v1/algo/spot/openOrders")).json()["total"] == 0
    done = (await rest.signed("GET", "/sapi/v1/algo/spot/historicalOrders")).json()["orders"][0]
    assert (done["algoStatus"], done["executedQty"]) == ("FINISHED", "1.00000000")
    subs = (await rest.signed("GET", "/sapi/v1/algo/spot/subOrders", {"algoId": done["algoId"]})).json()
    assert subs["total"] == 10
    assert rest.twin.state.exchange.audit()["ok"]


async def test_twap_can_be_cancelled(rest: RestClient) -> None:
    await rest.signed("POST", "/sapi/v1/algo/spot/newOrderTwap", TWAP)
    answer = await rest.signed("DELETE", "/sapi/v1/algo/spot/order", {"algoId": "1"})
    assert answer.json() == {"algoId": 1, "success": True, "code": 0, "msg": "OK"}
    again = await rest.signed("DELETE", "/sapi/v1/algo/spot/order", {"algoId": "1"})
    assert again.status_code == 400


@pytest.mark.parametrize(
    ("change", "code"), [({"clientAlgoId": "short"}, -1130), ({"duration": None}, -1102), ({"symbol": "NOPE"}, -1121)]
)
async def test_bad_twaps_are_refused(rest: RestClient, change: dict[str, Any], code: int) -> None:
    assert refusal(await rest.post("/sapi/v1/algo/spot/newOrderTwap", TWAP, **change))[1] == code


async def test_the_audit_holds_after_trading_with_each_other() -> None:
    rest = RestClient(fixture_with(accounts=[FIXTURE["accounts"][0], {**FIXTURE["accounts"][0], "name": "bob"}]))
    async with rest.http:
        await rest.order(LIMIT_SELL, price="50000")
        answer = await rest.signed("POST", "order", {**LIMIT_BUY, "price": "50000"}, account="bob")
        assert answer.json()["status"] == "FILLED"
        verdict = rest.twin.state.exchange.audit()
        assert verdict["ok"], verdict["problems"]
        assert Decimal(verdict["assets"]["BTC"]["fees"]) == Decimal("0.0002")


async def test_every_listed_asset_is_in_the_account_unless_zeros_are_left_out(rest: RestClient) -> None:
    everything = (await rest.query("account"))["balances"]
    assert {"asset": "BNB", "free": "0.00000000", "locked": "0.00000000"} in everything
    assert [row["asset"] for row in everything] == ["BTC", "USDT", "BNB", "LTC"]
    held = (await rest.query("account", omitZeroBalances="true"))["balances"]
    assert [row["asset"] for row in held] == ["BTC", "USDT"]
