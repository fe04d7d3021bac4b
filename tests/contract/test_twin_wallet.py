"""The wallet part of the twin: budgets of its own, and the calls that libraries make on their own account."""

from __future__ import annotations

from tests.contract.twin_rest import BTC, RestClient, refusal

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
