"""The wallet part of the twin: budgets of its own, and the calls that libraries make on their own account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.contract.twin_rest import BTC, LIMIT_BUY, RestClient, refusal

TWAP = {"symbol": BTC, "side": "BUY", "quantity": "1", "duration": "300"}


async def test_wallet_calls_are_charged_to_the_address_and_leave_the_trading_weight_alone(rest: RestClient) -> None:
    for used in ("1", "2"):
        response = await rest.signed("GET", "/sapi/v1/asset/tradeFee")
        assert response.headers["X-SAPI-USED-IP-WEIGHT-1M"] == used
        assert "X-MBX-USED-WEIGHT-1M" not in response.headers
        assert "X-SAPI-USED-UID-WEIGHT-1M" not in response.headers
    other = await rest.signed("GET", "/sapi/v1/account/apiRestrictions")
    assert other.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "1", "each endpoint has a budget of its own"
    assert (await rest.get("ping")).headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_a_twap_order_is_charged_3000_to_the_account_until_its_minute_is_used_up(rest: RestClient) -> None:
    response = await rest.signed("POST", "/sapi/v1/algo/spot/newOrderTwap", TWAP)
    assert response.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "3000"
    rest.twin.state.limits.charge_sapi(
        "UID", "alice", "POST /sapi/v1/algo/spot/newOrderTwap", 177_000, rest.twin.state.limits_ms()
    )
    response = await rest.signed("POST", "/sapi/v1/algo/spot/newOrderTwap", TWAP)
    status, code, message = refusal(response)
    assert (status, code) == (429, -1003)
    assert message.startswith("Too much request weight used; current limit is 180000 request weight per 1 MINUTE.")
    assert 0 < int(response.headers["Retry-After"]) <= 60
    poor = await rest.signed("POST", "/sapi/v1/algo/spot/newOrderTwap", {**TWAP, "quantity": "0.0001"}, account="poor")
    assert poor.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "3000"


async def test_trade_fees_are_told_per_symbol(rest: RestClient) -> None:
    rows = (await rest.signed("GET", "/sapi/v1/asset/tradeFee")).json()
    assert [row["symbol"] for row in rows] == list(rest.twin.exchange.markets)
    one = (await rest.signed("GET", "/sapi/v1/asset/tradeFee", {"symbol": BTC})).json()
    assert one == [{"symbol": BTC, "makerCommission": "0.001", "takerCommission": "0.002"}]
    assert refusal(await rest.signed("GET", "/sapi/v1/asset/tradeFee", {"symbol": "NOPE"}))[1] == -1121


async def test_the_system_status_needs_no_key(rest: RestClient) -> None:
    response = await rest.http.get("/sapi/v1/system/status")
    assert response.json() == {"status": 0, "msg": "normal"}


async def test_prevented_matches_of_an_unknown_symbol_weigh_two(rest: RestClient) -> None:
    response = await rest.signed("GET", "myPreventedMatches", {"symbol": "NOPE", "orderId": "1"})
    assert response.headers["X-MBX-USED-WEIGHT-1M"] == "2"
    response = await rest.signed("GET", "myPreventedMatches", {"symbol": BTC, "orderId": "1"})
    assert response.headers["X-MBX-USED-WEIGHT-1M"] == "22"


async def test_coins_are_listed_with_what_the_account_has_of_each(rest: RestClient) -> None:
    response = await rest.signed("GET", "/sapi/v1/capital/config/getall")
    assert response.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "10"
    rows = {row["coin"]: row for row in response.json()}
    assert list(rows) == ["BTC", "USDT", "BNB", "LTC"]
    assert (rows["BTC"]["free"], rows["BTC"]["trading"], rows["LTC"]["free"]) == ("10.00000000", True, "0.00000000")
    networks = rows["BTC"]["networkList"]
    assert [(row["coin"], row["isDefault"], row["depositEnable"]) for row in networks] == [("BTC", True, True)]


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "account/status", {"data": "Normal"}),
        ("GET", "asset/dribblet", {"total": 0, "userAssetDribblets": []}),
        ("POST", "asset/get-funding-asset", []),
        ("GET", "margin/allPairs", []),
        ("GET", "margin/isolated/allPairs", []),
        ("GET", "spot/delist-schedule", []),
        ("GET", "system/status", {"status": 0, "msg": "normal"}),
        ("GET", "bnbBurn", {"spotBNBBurn": False, "interestBNBBurn": False}),
    ],
)
async def test_what_clients_ask_at_their_start_has_an_answer(
    rest: RestClient, method: str, path: str, answer: object
) -> None:
    """Signed, as ccxt sends all of the wallet's calls, with its window."""
    response = await rest.signed(method, f"/sapi/v1/{path}", {"recvWindow": "10000"})
    assert (response.status_code, response.json()) == (200, answer)


async def test_trading_by_api_is_not_locked(rest: RestClient) -> None:
    answer = (await rest.signed("GET", "/sapi/v1/account/apiTradingStatus")).json()
    assert answer["data"]["isLocked"] is False
    assert set(answer["data"]["triggerCondition"]) == {"GCR", "IFER", "UFR"}


async def test_assets_that_are_held_are_valued_in_btc_on_request(rest: RestClient) -> None:
    path = "/sapi/v3/asset/getUserAsset"
    rows = (await rest.signed("POST", path, {"needBtcValuation": "true"})).json()
    assert [(row["asset"], row["free"], row["btcValuation"]) for row in rows] == [
        ("BTC", "10.00000000", "10.00000000"), ("USDT", "1000000.00000000", "20.00000000"),
    ]  # fmt: skip
    assert [row["asset"] for row in (await rest.signed("POST", path, {"asset": "USDT"})).json()] == ["USDT"]


async def test_the_switch_of_the_discount_decides_what_commissions_are_paid_in(rest: RestClient) -> None:
    answer = await rest.signed("POST", "/sapi/v1/bnbBurn", {"spotBNBBurn": "true"})
    assert answer.json() == {"spotBNBBurn": True, "interestBNBBurn": False}
    assert (await rest.query("account/commission", symbol=BTC))["discount"]["enabledForAccount"] is True


async def test_a_planned_delisting_is_announced_and_then_ends_the_trading(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    at_ms = rest.now_ms + 60_000
    rest.twin.operations.plan_delisting(BTC, at_ms)
    schedule = (await rest.signed("GET", "/sapi/v1/spot/delist-schedule")).json()
    assert schedule == [{"delistTime": at_ms, "symbols": [BTC]}]
    assert (await rest.order(LIMIT_BUY))["status"] == "NEW"
    await rest.twin.advance(60_000)
    assert (await rest.signed("GET", "/sapi/v1/spot/delist-schedule")).json() == []
    assert (await rest.get("exchangeInfo", symbol=BTC)).json()["symbols"][0]["status"] == "BREAK"
    assert (await rest.query("order", symbol=BTC, orderId=order["orderId"]))["status"] == "CANCELED"
    assert refusal(await rest.post("order", LIMIT_BUY))[1:] == (-2010, "Market is closed.")


async def test_a_delisting_that_is_called_off_never_comes(rest: RestClient) -> None:
    rest.twin.operations.plan_delisting(BTC, rest.now_ms + 60_000)
    rest.twin.operations.plan_delisting(BTC, None)
    assert (await rest.signed("GET", "/sapi/v1/spot/delist-schedule")).json() == []


@pytest.mark.parametrize("path", ["fapi", "dapi"])
async def test_no_futures_are_listed(rest: RestClient, path: str) -> None:
    assert (await rest.http.get(f"/{path}/v1/exchangeInfo")).json()["symbols"] == []


async def test_deposits_and_withdrawals_of_the_control_door_are_in_the_histories(rest: RestClient) -> None:
    now_ms = rest.twin.clock.now_ms()
    for amount in ("500", "-200.5"):
        rest.twin.state.note_transfer("alice", "USDC", Decimal(amount), now_ms)
    (deposit,) = (await rest.signed("GET", "/sapi/v1/capital/deposit/hisrec")).json()
    assert (deposit["coin"], deposit["amount"], deposit["status"], deposit["insertTime"]) == ("USDC", "500", 1, now_ms)
    (withdrawal,) = (await rest.signed("GET", "/sapi/v1/capital/withdraw/history", {"coin": "USDC"})).json()
    assert (withdrawal["amount"], withdrawal["transactionFee"], withdrawal["status"]) == ("200.5", "0", 6)
    later = {"startTime": str(now_ms + 1)}
    assert (await rest.signed("GET", "/sapi/v1/capital/deposit/hisrec", later)).json() == []
    assert (await rest.signed("GET", "/sapi/v1/capital/deposit/hisrec", account="poor")).json() == []
    assert (await rest.signed("GET", "/sapi/v1/asset/assetDividend")).json() == {"rows": [], "total": 0}
    assert (await rest.signed("GET", "/sapi/v1/convert/tradeFlow")).json()["list"] == []
