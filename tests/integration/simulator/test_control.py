"""The control API: what it does to a running twin, and whom it refuses."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import websockets

from tests.integration.simulator.conftest import HTTP, STILL, TOKEN, RunningTwin

STEPPED: dict[str, Any] = {
    "seed": 3,
    "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
    "market": {"kind": "synthetic"},
    "symbols": "default",
    "accounts": [{"name": "alice", "balances": {"USDC": "1000"}}],
}


def raw(twin: RunningTwin, method: str, path: str, body: Any = None, token: str = TOKEN) -> httpx.Response:
    return HTTP.request(method, f"{twin.control}{path}", json=body, headers={"X-Control-Token": token})


@pytest.mark.parametrize("path", ["/state", "/accounts", "/audit", "/faults"])
def test_only_the_token_is_let_in(still: RunningTwin, path: str) -> None:
    assert raw(still, "GET", path, token="wrong").status_code == 401
    assert raw(still, "GET", path).status_code == 200


def test_the_clock_is_open_to_all(still: RunningTwin) -> None:
    clock = raw(still, "GET", "/clock", token="").json()

    assert set(clock) == {"mode", "speed", "market_ms", "wall_ms"}
    assert clock["mode"] == "real"
    assert abs(clock["market_ms"] - clock["wall_ms"]) < 5_000


def test_liquidity_replaces_the_outside_book(still: RunningTwin) -> None:
    still.do(
        "POST", "/liquidity", {"symbol": "BTCUSDT", "bids": [["49000", "3"]], "asks": [["51000", "4"], ["52000", "1"]]}
    )

    book = still.get("/api/v3/depth", symbol="BTCUSDT")
    assert book["bids"] == [["49000.00000000", "3.00000000"]]
    assert book["asks"] == [["51000.00000000", "4.00000000"], ["52000.00000000", "1.00000000"]]


def test_an_outside_trade_moves_the_price_and_takes_from_the_book(still: RunningTwin) -> None:
    answer = still.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1.5"})

    assert answer == {"executed": "1.5"}
    assert still.get("/api/v3/ticker/price", symbol="BTCUSDT")["price"] == "50010.00000000"
    trades = still.get("/api/v3/trades", symbol="BTCUSDT")
    assert [(row["price"], row["qty"]) for row in trades] == [
        ("50000.01000000", "1.00000000"),
        ("50010.00000000", "0.50000000"),
    ]
    candle = still.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")[-1]
    assert candle[5] == "1.50000000"


def test_balances_are_deposited_and_withdrawn(still: RunningTwin) -> None:
    assert still.do("POST", "/balances", {"account": "alice", "asset": "USDT", "delta": "-40000"})["free"] == (
        "60000.00000000"
    )
    refused = raw(still, "POST", "/balances", {"account": "alice", "asset": "USDT", "delta": "-70000"})
    assert refused.status_code == 400
    audit = still.do("GET", "/audit")
    assert audit["ok"]
    assert audit["assets"]["USDT"]["deposits"] == "260000.00000000"


def test_a_symbol_can_be_halted_and_reopened(still: RunningTwin) -> None:
    still.do("POST", "/symbols", {"symbol": "BTCUSDT", "status": "BREAK"})
    info = still.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"][0]
    assert info["status"] == "BREAK"

    still.do("POST", "/symbols", {"symbol": "BTCUSDT", "status": "TRADING"})
    assert still.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"][0]["status"] == "TRADING"


def test_filters_change_while_running(still: RunningTwin) -> None:
    wider = {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "900000", "tickSize": "0.5"}

    still.do("POST", "/symbols", {"symbol": "BTCUSDT", "filters": [wider]})

    filters = still.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"][0]["filters"]
    assert [entry["tickSize"] for entry in filters if entry["filterType"] == "PRICE_FILTER"] == ["0.5"]
    assert any(entry["filterType"] == "LOT_SIZE" for entry in filters)


def test_a_skewed_server_clock_shows(still: RunningTwin) -> None:
    before = still.get("/api/v3/time")["serverTime"]
    still.do("POST", "/clock", {"skew_ms": 3_600_000})

    assert still.get("/api/v3/time")["serverTime"] - before >= 3_600_000


def test_a_stepped_market_moves_only_when_told(still: RunningTwin) -> None:
    still.reset(STEPPED)
    first = still.get("/api/v3/klines", symbol="BTCUSDC", interval="1m", limit=2)
    assert first[-1][0] == 1_767_225_600_000
    assert still.get("/api/v3/time")["serverTime"] == 1_767_225_600_000

    still.do("POST", "/clock", {"advance_ms": 5 * 60_000})

    assert still.get("/api/v3/time")["serverTime"] == 1_767_225_900_000
    rows = still.get("/api/v3/klines", symbol="BTCUSDC", interval="1m", limit=6)
    assert [row[0] for row in rows] == [1_767_225_600_000 + index * 60_000 for index in range(6)]
    assert all(row[8] == 4 for row in rows[:5])
    assert still.do("GET", "/audit")["ok"]


def test_the_same_seed_steps_through_the_same_market(still: RunningTwin) -> None:
    def candles() -> Any:
        still.reset(STEPPED)
        still.do("POST", "/clock", {"advance_ms": 30 * 60_000})
        return [
            still.get("/api/v3/klines", symbol=symbol, interval="1m", limit=60) for symbol in ("BTCUSDC", "PEPEUSDC")
        ]

    assert candles() == candles()


async def test_closed_candles_of_a_stepped_market_are_streamed_once_each(still: RunningTwin) -> None:
    still.reset(STEPPED)
    async with websockets.connect(f"{still.streams}/ws/btcusdc@kline_1m") as socket:
        await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        while "result" not in json.loads(await socket.recv()):
            continue
        still.do("POST", "/clock", {"advance_ms": 3 * 60_000})
        closed: list[int] = []
        while len(closed) < 3:
            candle = json.loads(await socket.recv())["k"]
            if candle["x"]:
                closed.append(candle["t"])

    assert closed == [1_767_225_600_000 + index * 60_000 for index in range(3)]


def test_a_reset_gives_the_same_keys_for_the_same_fixture(still: RunningTwin) -> None:
    keys = [account["api_key"] for account in still.accounts if account["key_type"] != "RSA"]
    still.reset(STILL)

    assert [account["api_key"] for account in still.accounts if account["key_type"] != "RSA"] == keys


@pytest.mark.parametrize(
    "fixture",
    [
        {"symbols": []},
        {"symbols": "default", "accounts": [{"name": "a", "balances": {"USDC": "-1"}}]},
        {"symbols": "default", "clock": {"mode": "sideways"}},
        {"symbols": "default", "market": {"kind": "replay", "files": {"BTCUSDC": "/nowhere.csv"}}},
        {"symbols": "default", "surprise": 1},
        {"symbols": [{"symbol": "AB", "base": "A", "quote": "B", "last_price": "1", "filters": [{"filterType": "X"}]}]},
    ],
)
def test_a_fixture_that_makes_no_sense_changes_nothing(still: RunningTwin, fixture: dict[str, Any]) -> None:
    answer = raw(still, "POST", "/reset", fixture)

    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert [row["symbol"] for row in still.get("/api/v3/exchangeInfo")["symbols"]] == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/liquidity", {"symbol": "NOPE", "bids": [], "asks": []}, 404),
        ("POST", "/liquidity", {"symbol": "BTCUSDT", "bids": [["5", "1"]], "asks": [["4", "1"]]}, 400),
        ("POST", "/trades", {"symbol": "BTCUSDT", "side": "UP", "quantity": "1"}, 422),
        ("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0"}, 422),
        ("POST", "/clock", {"advance_ms": 5}, 400),
        ("POST", "/clock", {}, 422),
        ("POST", "/balances", {"account": "nobody", "asset": "USDT", "delta": "1"}, 404),
        ("POST", "/balances", {"account": "alice", "asset": "USDT", "delta": "NaN"}, 422),
        ("POST", "/symbols", {"symbol": "BTCUSDT", "status": "ASLEEP"}, 422),
        ("POST", "/symbols", {"symbol": "BTCUSDT", "filters": [{"filterType": "NOPE"}]}, 400),
        ("POST", "/faults", {"fault": "nothing"}, 400),
        ("POST", "/faults", {"fault": "answer_lost", "count": 1, "probability": 0.5}, 400),
        ("POST", "/faults", {"fault": "filter_change"}, 400),
    ],
)
def test_wrong_use_is_refused_with_a_reason(
    still: RunningTwin, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    answer = raw(still, method, path, body)

    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_the_admin_page_and_the_description_of_the_api_are_served(still: RunningTwin) -> None:
    base = still.rest
    assert "<title>RootTrading twin</title>" in HTTP.get(f"{base}/").text
    page = HTTP.get(f"{base}/control/docs")
    assert page.status_code == 200
    assert "/control/v1/liquidity" in page.text
    assert "<script" not in page.text, "there is no internet where a twin runs"
    paths = HTTP.get(f"{base}/control/openapi.json").json()["paths"]
    documented = {"reset", "liquidity", "trades", "clock", "balances", "symbols", "faults", "audit"}
    assert documented <= {path.rsplit("/", 1)[1] for path in paths}


def test_an_account_can_be_opened_while_running(still: RunningTwin) -> None:
    key = still.do("POST", "/accounts", {"name": "dave", "balances": {"USDT": "5"}})

    assert key["name"] == "dave"
    assert len(key["api_key"]) == 64
    assert {row["name"] for row in still.do("GET", "/accounts")["accounts"]} == {"alice", "bob", "carol", "dave"}
    assert raw(still, "POST", "/accounts", {"name": "dave"}).status_code == 400


def test_an_account_is_told_as_the_exchange_has_it(still: RunningTwin) -> None:
    """Whoever judges from the exchange's side needs every order and trade, whatever faults are on."""
    still.do("POST", "/faults", {"fault": "maintenance", "probability": 1.0})
    still.do("POST", "/balances", {"account": "alice", "asset": "USDT", "delta": "5"})

    seen = still.do("GET", "/accounts/alice")

    assert seen["balances"]["USDT"] == {"free": "100005.00000000", "locked": "0.00000000"}
    assert (seen["orders"], seen["trades"]) == ([], [])
    assert raw(still, "GET", "/accounts/nobody").status_code == 404
    assert raw(still, "GET", "/accounts/alice", token="wrong").status_code == 401
