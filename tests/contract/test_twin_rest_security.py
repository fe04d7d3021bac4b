"""Keys, signatures, timing and limits (rules: request security, timing security, LIMITS)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from simulator.api.auth import ApiKey, sign, verify
from simulator.api.limits import STRIKES_BEFORE_BAN
from simulator.api.rest.wire import ReceivedRequest
from tests.contract.twin_rest import BTC, LIMIT_BUY, MARKET_BUY, RestClient, fixture_with, refusal

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
QUERY = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
FULL_WIDTH = QUERY.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96")
BAD_SIGNATURE = (400, -1022, "Signature for this request is not valid.")
OUTSIDE = (400, -1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD = (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (QUERY, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (FULL_WIDTH, "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    ],
)
def test_hmac_vectors_of_the_documentation(payload: str, signature: str) -> None:
    key = ApiKey("x", "k", SECRET, "HMAC")
    assert sign(key, payload.encode()) == signature
    assert verify(key, payload.encode(), signature.upper())
    assert not verify(key, payload.encode(), signature[:-1] + "0")


def test_query_and_body_are_signed_one_after_the_other_without_a_separator() -> None:
    wire = ReceivedRequest.read(b"symbol=LTCBTC&side=BUY", b"quantity=1&price=0.1&signature=abc")
    assert wire.payload == b"symbol=LTCBTC&side=BUYquantity=1&price=0.1"
    assert wire.signature == "abc"


def test_the_query_wins_over_the_body() -> None:
    assert ReceivedRequest.read(b"price=1", b"price=2&quantity=3").params["price"] == "1"


@pytest.mark.parametrize("account", ["alice", "ed", "rsa"])
async def test_every_key_type_signs(rest: RestClient, account: str) -> None:
    assert (await rest.signed("GET", "account", account=account)).status_code == 200


@pytest.mark.parametrize("place", ["query", "body", "mixed"])
@pytest.mark.parametrize("account", ["alice", "ed"])
async def test_parameters_may_be_in_query_or_body(rest: RestClient, place: str, account: str) -> None:
    key = rest.key(account)
    first, second = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
        f"quantity=0.001&price=40000&timestamp={rest.now_ms}",
    )
    query, body = {"query": (f"{first}&{second}", ""), "body": ("", f"{first}&{second}"), "mixed": (first, second)}[
        place
    ]
    signature = quote(sign(key, (query + body).encode()), safe="")
    if body:
        body += f"&signature={signature}"
    else:
        query += f"&signature={signature}"
    headers = {"X-MBX-APIKEY": key.api_key, "Content-Type": "application/x-www-form-urlencoded"}
    response = await rest.http.post(f"/api/v3/order?{query}", content=body, headers=headers)
    assert response.status_code == 200, response.text


async def test_delete_takes_a_form_body_too(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    key = rest.key()
    body = f"symbol=BTCUSDT&orderId={order['orderId']}&timestamp={rest.now_ms}"
    body += f"&signature={sign(key, body.encode())}"
    response = await rest.http.request("DELETE", "/api/v3/order", content=body, headers={"X-MBX-APIKEY": key.api_key})
    assert response.json()["status"] == "CANCELED"


async def _send(rest: RestClient, query: str, api_key: str | None) -> httpx.Response:
    headers = {} if api_key is None else {"X-MBX-APIKEY": api_key}
    return await rest.http.get(f"/api/v3/account?{query}", headers=headers)


async def test_missing_and_unknown_keys(rest: RestClient) -> None:
    assert refusal(await _send(rest, "timestamp=1", None)) == (401, -2014, "API-key format invalid.")
    assert refusal(await _send(rest, "timestamp=1", "short")) == (401, -2014, "API-key format invalid.")
    message = "Invalid API-key, IP, or permissions for action."
    assert refusal(await _send(rest, "timestamp=1", "a" * 64)) == (401, -2015, message)


async def test_missing_signature_and_timestamp(rest: RestClient) -> None:
    key = rest.key().api_key
    assert refusal(await _send(rest, f"timestamp={rest.now_ms}", key))[:2] == (400, -1102)
    assert "timestamp" in refusal(await _send(rest, "signature=abc", key))[2]


async def test_wrong_signature(rest: RestClient) -> None:
    query = f"timestamp={rest.now_ms}&signature={'0' * 64}"
    assert refusal(await _send(rest, query, rest.key().api_key)) == BAD_SIGNATURE


async def test_signature_over_decoded_text_is_wrong(rest: RestClient) -> None:
    """Since 2026-01-15 the percent-encoded bytes are what is signed."""
    key = rest.key()
    plain = f"symbol=测试&timestamp={rest.now_ms}"
    encoded = urlencode({"symbol": "测试", "timestamp": rest.now_ms}, quote_via=quote)
    headers = {"X-MBX-APIKEY": key.api_key}
    wrong = await rest.http.get(f"/api/v3/openOrders?{encoded}&signature={sign(key, plain.encode())}", headers=headers)
    assert refusal(wrong) == BAD_SIGNATURE
    right = await rest.http.get(
        f"/api/v3/openOrders?{encoded}&signature={sign(key, encoded.encode())}", headers=headers
    )
    assert refusal(right) == (400, -1121, "Invalid symbol.")


TIMING: list[tuple[str, int, dict[str, Any], tuple[int, int, str] | None]] = [
    ("now", 0, {}, None),
    ("just within the default window", -5000, {}, None),
    ("just outside the default window", -5001, {}, OUTSIDE),
    ("within a window of its own", -9000, {"recvWindow": "10000"}, None),
    ("outside a small window", -101, {"recvWindow": "100"}, OUTSIDE),
    ("a window with decimals", -100, {"recvWindow": "100.5"}, None),
    ("a little ahead", 999, {}, None),
    ("too far ahead", 1000, {}, AHEAD),
]


@pytest.mark.parametrize(("offset", "extra", "expected"), [row[1:] for row in TIMING], ids=[row[0] for row in TIMING])
async def test_timestamp_must_fit_the_window(
    rest: RestClient, offset: int, extra: dict[str, Any], expected: tuple[int, int, str] | None
) -> None:
    response = await rest.signed("GET", "account", {"timestamp": rest.now_ms + offset, **extra})
    assert (None if response.status_code == 200 else refusal(response)) == expected


async def test_timestamp_may_be_in_microseconds(rest: RestClient) -> None:
    assert (await rest.signed("GET", "account", {"timestamp": rest.now_ms * 1000})).status_code == 200


async def test_times_are_told_in_microseconds_on_request(rest: RestClient) -> None:
    plain = (await rest.get("time")).json()["serverTime"]
    answer = await rest.http.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": "microsecond"})
    assert answer.json()["serverTime"] == plain * 1000
    wrong = await rest.http.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": "NANOSECOND"})
    assert refusal(wrong)[1] == -1194


async def test_an_accelerated_twin_takes_wall_time_and_any_time_its_market_has_lived() -> None:
    clock = {"mode": "accelerated", "speed": 60, "start": "2026-01-01T00:00:00Z"}
    rest = RestClient(fixture_with(clock=clock))
    async with rest.http:
        twin_clock = rest.twin.state.clock
        for stamp in (twin_clock.now_ms(), twin_clock.start_ms, twin_clock.wall_ms()):
            assert (await rest.signed("GET", "account", {"timestamp": stamp})).status_code == 200
        early = await rest.signed("GET", "account", {"timestamp": twin_clock.start_ms - 10_000})
        assert refusal(early) == OUTSIDE


# -- limits ---------------------------------------------------------------------------------------------------


async def test_every_answer_tells_the_used_weight(rest: RestClient) -> None:
    first = await rest.get("ping")
    assert first.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    second = await rest.get("exchangeInfo")
    assert second.headers["X-MBX-USED-WEIGHT"] == "21"


WEIGHTS: list[tuple[str, dict[str, Any], int]] = [
    ("depth", {"symbol": BTC}, 5),
    ("depth", {"symbol": BTC, "limit": "101"}, 25),
    ("depth", {"symbol": BTC, "limit": "501"}, 50),
    ("depth", {"symbol": BTC, "limit": "9999"}, 250),
    ("trades", {"symbol": BTC}, 25),
    ("aggTrades", {"symbol": BTC}, 4),
    ("klines", {"symbol": BTC, "interval": "1m"}, 2),
    ("ticker/24hr", {"symbol": BTC}, 2),
    ("ticker/24hr", {}, 80),
    ("ticker", {"symbol": BTC}, 4),
    ("ticker/price", {"symbol": BTC}, 2),
    ("ticker/price", {}, 4),
    ("ticker/bookTicker", {}, 4),
    ("executionRules", {"symbol": BTC}, 2),
]


@pytest.mark.parametrize(("path", "params", "weight"), WEIGHTS)
async def test_public_weights(rest: RestClient, path: str, params: dict[str, Any], weight: int) -> None:
    response = await rest.get(path, **params)
    assert response.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


SIGNED_WEIGHTS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "account", {}, 20),
    ("GET", "openOrders", {"symbol": BTC}, 6),
    ("GET", "openOrders", {}, 80),
    ("GET", "allOrders", {"symbol": BTC}, 20),
    ("GET", "myTrades", {"symbol": BTC}, 20),
    ("GET", "myTrades", {"symbol": BTC, "orderId": "1"}, 5),
    ("GET", "rateLimit/order", {}, 40),
    ("GET", "myFilters", {"symbol": BTC}, 40),
    ("GET", "order", {"symbol": BTC, "orderId": "1"}, 4),
    ("POST", "order", MARKET_BUY, 0),
    ("POST", "order", {**MARKET_BUY, "quantity": "99"}, 1),
    ("POST", "order/test", MARKET_BUY, 1),
    ("POST", "order/test", {**MARKET_BUY, "computeCommissionRates": "true"}, 20),
    ("DELETE", "order", {"symbol": BTC, "orderId": "9"}, 1),
]


@pytest.mark.parametrize(("method", "path", "params", "weight"), SIGNED_WEIGHTS)
async def test_signed_weights_and_orders_that_succeed_weigh_nothing(
    rest: RestClient, method: str, path: str, params: dict[str, Any], weight: int
) -> None:
    response = await rest.signed(method, path, params)
    assert response.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


async def test_weight_beyond_the_limit_is_429_with_retry_after_then_418() -> None:
    rest = RestClient(fixture_with(limits={"weight_1m": 50, "orders_10s": 100, "orders_1d": 1000}))
    async with rest.http:
        await rest.get("exchangeInfo")
        await rest.get("exchangeInfo")
        response = await rest.get("exchangeInfo")
        status, code, message = refusal(response)
        assert (status, code) == (429, -1003)
        assert message.startswith("Too much request weight used; current limit is 50 request weight per 1 MINUTE.")
        assert response.headers["Retry-After"] == "60"
        for _ in range(STRIKES_BEFORE_BAN):
            response = await rest.get("exchangeInfo")
        status, code, message = refusal(response)
        assert (status, code) == (418, -1003)
        assert "IP banned until" in message
        assert int(response.headers["Retry-After"]) == 120
        await rest.twin.advance(121_000)
        assert (await rest.get("ping")).status_code == 200


async def test_each_ban_is_twice_as_long_as_the_one_before_up_to_three_days() -> None:
    rest = RestClient(fixture_with(limits={"weight_1m": 1}))
    async with rest.http:
        waits = []
        for _ in range(14):
            response = await rest.get("exchangeInfo")
            while response.status_code != 418:
                response = await rest.get("exchangeInfo")
            waits.append(int(response.headers["Retry-After"]))
            assert (await rest.get("ping")).status_code == 418, "everything is refused"
            await rest.twin.advance(waits[-1] * 1000)
    assert waits == [*(120 * 2**step for step in range(12)), 259_200, 259_200]


async def test_weight_is_forgotten_at_the_start_of_the_next_minute(rest: RestClient) -> None:
    await rest.get("exchangeInfo")
    await rest.twin.advance(60_000)
    assert (await rest.get("ping")).headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_orders_beyond_the_limit_are_429_until_the_next_ten_seconds() -> None:
    rest = RestClient(fixture_with(limits={"weight_1m": 6000, "orders_10s": 2, "orders_1d": 1000}))
    async with rest.http:
        await rest.order(LIMIT_BUY)
        await rest.order(LIMIT_BUY)
        response = await rest.post("order", LIMIT_BUY)
        assert refusal(response) == (429, -1015, "Too many new orders; current limit is 2 orders per 10 SECOND.")
        assert response.headers["Retry-After"] == "10"
        await rest.twin.advance(10_000)
        await rest.order(LIMIT_BUY)


async def test_successful_orders_tell_the_unfilled_order_counts(rest: RestClient) -> None:
    response = await rest.post("order", LIMIT_BUY)
    assert response.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert response.headers["X-MBX-ORDER-COUNT-1D"] == "1"
    counts = await rest.query("rateLimit/order")
    assert [(row["interval"], row["intervalNum"], row["count"]) for row in counts] == [("SECOND", 10, 1), ("DAY", 1, 1)]


async def test_orders_that_fill_do_not_count_as_unfilled(rest: RestClient) -> None:
    await rest.order(LIMIT_BUY)
    response = await rest.post("order", MARKET_BUY)
    assert response.headers["X-MBX-ORDER-COUNT-10S"] == "1"


async def test_a_first_fill_as_maker_takes_five_off_the_count(rest: RestClient) -> None:
    for _ in range(5):
        await rest.order(LIMIT_BUY, price="50000.00")
    rest.outside("SELL", "0.01")
    assert [row["count"] for row in await rest.query("rateLimit/order")] == [0, 0]


async def test_listen_keys_are_gone(rest: RestClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        response = await rest.http.request(method, "/api/v3/userDataStream")
        assert response.status_code == 410
        assert response.headers["content-type"].startswith("text/html")


async def test_old_versions_of_the_api_are_gone(rest: RestClient) -> None:
    assert (await rest.http.get("/api/v1/ping")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v3/nothing", 404), ("GET", "/api/v1/ping", 404), ("GET", "/sapi/v1/nothing", 404),
     ("POST", "/api/v3/time", 405), ("PATCH", "/api/v3/order", 405), ("GET", "/api/v3/userDataStream", 404)],
)  # fmt: skip
async def test_a_call_that_does_not_exist_is_refused_like_any_other(
    rest: RestClient, method: str, path: str, status: int
) -> None:
    """Rules: an error is always a code and a message; every answer below /api tells the weight used."""
    await rest.get("time")
    response = await rest.http.request(method, path)
    assert refusal(response) == (status, -5000, f"Path {path}, Method {method} is invalid")
    if path.startswith("/api/"):
        assert response.headers["X-MBX-USED-WEIGHT-1M"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v3/nothing", 404), ("GET", "/sapi/v1/nothing", 404),
                                   ("POST", "/api/v3/time", 405)],
)  # fmt: skip
async def test_a_browser_that_calls_nothing_gets_a_page(rest: RestClient, method: str, path: str, status: int) -> None:
    """Changelog 2023-12-04: with text/html in its Accept header the answer is HTML."""
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    response = await rest.http.request(method, path, headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (status, "text/html")
    assert f"{status}" in response.text


async def test_a_client_on_wall_time_may_trade_against_a_stepped_clock(rest: RestClient) -> None:
    response = await rest.signed("GET", "account", {"timestamp": rest.twin.state.clock.wall_ms()})
    assert response.status_code == 200
