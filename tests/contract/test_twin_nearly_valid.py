"""Requests that are almost right, and frames that are none: a refusal, never a 5xx, a hang or a lost coin.

Random nonsense dies at the first check; a valid order with one or two values bent gets far enough to do harm.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.api.rest.app import ENDPOINTS
from tests.contract.raw_socket import RawSocket
from tests.contract.twin_rest import BTC, LIMIT_BUY, MARKET_BUY, OCO_SELL, OTO, STOP_SELL, RestClient, fixture_with
from tests.integration.simulator.conftest import STILL, RunningTwin, running_twin

UNLIMITED = {"weight_1m": 10**9, "orders_10s": 10**9, "orders_1d": 10**9, "raw_5m": 10**9, "connections_5m": 10**6}
OTOCO = {
    **{name: value for name, value in OTO.items() if name.startswith(("symbol", "working"))},
    "pendingSide": "SELL",
    "pendingQuantity": "0.1",
    "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "52000",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "48000",
}
OPOCO = {name: value for name, value in OTOCO.items() if name != "pendingQuantity"}
OPO = {name: value for name, value in OTO.items() if name != "pendingQuantity"}
OLD_OCO = {"symbol": BTC, "side": "SELL", "quantity": "0.1", "price": "52000", "stopPrice": "48000"}
REPLACE = {**LIMIT_BUY, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "1"}
VALID: list[tuple[str, dict[str, str]]] = [
    ("POST order", LIMIT_BUY), ("POST order", MARKET_BUY), ("POST order", STOP_SELL), ("POST order/test", LIMIT_BUY),
    ("POST orderList/oco", OCO_SELL), ("POST orderList/oto", OTO), ("POST orderList/otoco", OTOCO),
    ("POST orderList/opo", OPO), ("POST orderList/opoco", OPOCO), ("POST order/oco", OLD_OCO),
    ("POST order/cancelReplace", REPLACE), ("DELETE order", {"symbol": BTC, "orderId": "1"}),
    ("PUT order/amend/keepPriority", {"symbol": BTC, "orderId": "1", "newQty": "0.05"}),
    ("DELETE orderList", {"symbol": BTC, "orderListId": "1"}), ("DELETE openOrders", {"symbol": BTC}),
    ("GET allOrders", {"symbol": BTC}), ("GET myTrades", {"symbol": BTC}),
    ("GET order", {"symbol": BTC, "orderId": "1"}),
]  # fmt: skip
BENT = st.sampled_from(
    [
        None,
        "",
        "0",
        "0.00000001",
        "0.000000001",
        "1",
        "0.0001",
        "49000",
        "51000",
        "99999999999999999999",
        "9223372036854775807",
        "9223372036854775808",
        "-1",
        "1e-7",
        "NaN",
        "１２",
        "BUY",
        "SELL",
        "LIMIT",
        "MARKET",
        "STOP_LOSS",
        "STOP_LOSS_LIMIT",
        "TAKE_PROFIT",
        "TAKE_PROFIT_LIMIT",
        "LIMIT_MAKER",
        "GTC",
        "IOC",
        "FOK",
        "ACK",
        "RESULT",
        "FULL",
        "EXPIRE_BOTH",
        "DECREMENT",
        "TRANSFER",
        "PRIMARY_PEG",
        "MARKET_PEG",
        "PRICE_LEVEL",
        "100",
        "1000000",
        "true",
        "BNBUSDT",
        "LTCUSDT",
        "a" * 36,
        "a" * 37,
        "select * from x",
        "\x00",
        "𝟙",
        "ONLY_NEW",
    ]
)
PARAMS = {f"{endpoint.method} {endpoint.path.removeprefix('/api/v3/')}": endpoint.params for endpoint in ENDPOINTS}


@st.composite
def nearly_valid(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    call, valid = draw(st.sampled_from(VALID))
    names = st.sampled_from(sorted({*PARAMS[call], *valid, "recvWindow", "timestamp"}))
    changes = draw(st.dictionaries(names, BENT, min_size=1, max_size=3))
    return call, {name: value for name, value in {**valid, **changes}.items() if value is not None}


@given(calls=st.lists(nearly_valid(), min_size=5, max_size=15), trade=st.sampled_from(["BUY", "SELL"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_calls_that_are_almost_right_are_answered_and_lose_no_coin(
    calls: list[tuple[str, dict[str, str]]], trade: str
) -> None:
    async def play() -> None:
        rest = RestClient(fixture_with(limits=UNLIMITED))
        async with rest.http:
            for call, params in calls:
                method, path = call.split(" ")
                answer = await rest.signed(method, path, params)
                assert answer.status_code < 500, f"{call} {params}: {answer.text}"
                if answer.status_code >= 400:
                    assert answer.json()["code"] < 0
            rest.outside(trade, "2.5")
            audit = rest.twin.exchange.audit()
            assert audit["ok"], audit["problems"]

    asyncio.run(play())


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("frames"), fixture={**STILL, "limits": UNLIMITED}) as process:
        yield process


DEEP = "[" * 100_000
FRAMES: list[tuple[str, str | bytes]] = [
    ("deep nesting", DEEP), ("deep objects", '{"a":' * 50_000), ("closed deep nesting", "[" * 5_000 + "]" * 5_000),
    ("nothing", ""), ("null", "null"), ("a number", "1" * 5_000),
    ("half a surrogate pair", '{"id":"\\ud800","method":"ping"}'),
    ("a huge id", json.dumps({"id": 10**400, "method": "ping"})), ("a list id", '{"id":[],"method":"ping"}'),
    ("a float id", '{"id":1.5,"method":"ping"}'), ("method as number", '{"id":1,"method":7}'),
    ("params as list", '{"id":1,"method":"ping","params":[1]}'),
    ("20,000 streams", json.dumps({"id": 1, "method": "SUBSCRIBE", "params": [f"s{n}@trade" for n in range(20_000)]})),
    ("many params", json.dumps({"id": 1, "method": "depth", "params": {f"p{n}": n for n in range(20_000)}})),
    ("NaN", '{"id":1,"method":"depth","params":{"symbol":"BTCUSDT","limit":NaN}}'),
    ("binary", b"\x00\xff\x80"), ("binary request", b'{"id":1,"method":"ping"}'),
]  # fmt: skip


@pytest.mark.parametrize("api", ["ws_api", "streams"])
@pytest.mark.parametrize("frame", [frame for _, frame in FRAMES], ids=[name for name, _ in FRAMES])
async def test_a_frame_that_is_no_request_is_answered(twin: RunningTwin, api: str, frame: str | bytes) -> None:
    url = twin.ws_api if api == "ws_api" else f"{twin.streams}/ws"
    async with asyncio.timeout(60), RawSocket(url) as socket:
        await (socket.send(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        answer = await socket.json()
        assert answer.get("status", 400) < 500
        assert {"error", "result", "code"} & set(answer)


@pytest.mark.parametrize("api", ["ws_api", "streams"])
async def test_text_that_is_no_utf_8_and_frames_beyond_a_megabyte_end_the_connection(
    twin: RunningTwin, api: str
) -> None:
    url = twin.ws_api if api == "ws_api" else f"{twin.streams}/ws"
    async with asyncio.timeout(60), RawSocket(url) as socket:
        await socket.send_raw_text(b"\xff\xfe")
        assert (await socket.closed())[0] == 1007
    async with asyncio.timeout(60), RawSocket(url) as socket:
        await socket.send_raw_text(b" " * (2**20 + 1))
        assert (await socket.closed())[0] == 1009


@pytest.mark.parametrize("api", ["ws_api", "streams"])
async def test_who_is_still_sending_a_frame_beyond_a_megabyte_reads_that_it_is_too_big(
    twin: RunningTwin, api: str
) -> None:
    url = twin.ws_api if api == "ws_api" else f"{twin.streams}/ws"
    size = 2**20 + 1
    async with asyncio.timeout(60), RawSocket(url) as socket:
        await socket.send_octets(b"\x81\xff" + size.to_bytes(8, "big") + bytes(4))
        assert (await socket.closed())[0] == 1009
        for _ in range(16):
            await socket.send_octets(bytes(2**16))
        await socket.ended()


async def test_a_frame_in_pieces_is_one_request(twin: RunningTwin) -> None:
    async with asyncio.timeout(60), RawSocket(twin.ws_api) as socket:
        await socket.send_pieces([b'{"id":7,', b'"method"', b':"ping"}'])
        assert (await socket.json())["id"] == 7


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /api/v3/depth?symbol=%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v3/depth?symbol=%zz&&&=&=x&limit HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-MBX-APIKEY: \xff\r\n\r\n\xff\x00&",
        b"GET /api/v3/ticker/24hr?symbols=[[[[[[[[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b'GET /api/v3/ticker/price?symbols=["\\ud800"] HTTP/1.1\r\nHost: x\r\n\r\n',
        b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\nX-MBX-TIME-UNIT: \xe9\r\n\r\n",
        b"GET /api/v3/exchangeInfo?symbols=" + b"[" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["no utf-8", "odd pairs", "raw bytes", "open brackets", "lone surrogate", "odd header", "many brackets"],
)
async def test_requests_no_client_would_send_are_refused(twin: RunningTwin, raw: bytes) -> None:
    url = httpx.URL(twin.rest)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(raw)
    async with asyncio.timeout(60):
        status = (await reader.readline()).split()[1]
    writer.close()
    assert status[:1] == b"4"


def test_after_all_this_the_twin_is_in_order(twin: RunningTwin) -> None:
    assert twin.do("GET", "/audit")["ok"]
    assert twin.get("/api/v3/ping") == {}
