"""A twin that mirrors another exchange live: here a second twin, over real HTTP and WebSocket."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from simulator.fixture import FixtureError, parse_fixture
from tests.integration.simulator.conftest import HTTP, PROJECT_ROOT, STILL, RunningTwin, running_twin, until_true

SYMBOLS = ["BTCUSDT", "ETHUSDT"]
FAST = {"weight_1m": 10**6, "connections_5m": 10**4}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    """What is mirrored: a market that only its control API moves."""
    with running_twin(tmp_path_factory.mktemp("exchange"), fixture={**STILL, "limits": FAST}) as twin:
        yield twin


def mirror_of(exchange: RunningTwin) -> dict[str, Any]:
    market = {"kind": "mirror", "rest": exchange.rest, "streams": exchange.streams}
    return {"market": market, "symbols": SYMBOLS, "accounts": STILL["accounts"], "limits": FAST}


@pytest.fixture(scope="module")
def mirror(exchange: RunningTwin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("mirror"), fixture=mirror_of(exchange)) as twin:
        until_true(lambda: exchange.do("GET", "/state")["streams"]["connections"] == 1)
        yield twin


def book(twin: RunningTwin, symbol: str = "BTCUSDT") -> tuple[Any, Any]:
    depth = twin.get("/api/v3/depth", symbol=symbol, limit=20)
    return depth["bids"], depth["asks"]


def same(read: Callable[[RunningTwin, str], Any], one: RunningTwin, other: RunningTwin, what: str) -> bool:
    return bool(read(one, what) == read(other, what))


def last_price(twin: RunningTwin, symbol: str = "BTCUSDT") -> Decimal:
    return Decimal(twin.get("/api/v3/ticker/price", symbol=symbol)["price"])


def order(twin: RunningTwin, **params: Any) -> dict[str, Any]:
    body = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", **params}
    url, headers = f"{twin.rest}/api/v3/order", {"X-MBX-APIKEY": twin.key}
    answer = HTTP.post(url, params=rest_signed(twin, body), headers=headers)
    assert answer.status_code == 200, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def rest_signed(twin: RunningTwin, body: dict[str, Any]) -> dict[str, Any]:
    """A query string signed in the order it is sent in: sorted, the key in the header only."""
    values = {**body, "recvWindow": 60_000, "timestamp": int(time.time() * 1000)}
    signature = hmac.new(twin.secret.encode(), urlencode(values).encode(), hashlib.sha256).hexdigest()
    return {**values, "signature": signature}


def test_symbols_books_and_candles_are_those_of_the_other_exchange(exchange: RunningTwin, mirror: RunningTwin) -> None:
    own, other = mirror.get("/api/v3/exchangeInfo")["symbols"], exchange.get("/api/v3/exchangeInfo")["symbols"]
    assert [entry["symbol"] for entry in own] == SYMBOLS
    assert [entry["filters"] for entry in own] == [entry["filters"] for entry in other]
    for symbol in SYMBOLS:
        until_true(partial(same, book, mirror, exchange, symbol))
        assert last_price(mirror, symbol) == last_price(exchange, symbol)


def test_prices_trades_and_the_open_candle_follow(exchange: RunningTwin, mirror: RunningTwin) -> None:
    levels = {"symbol": "BTCUSDT", "bids": [["50100.00", "2"]], "asks": [["50100.50", "3"], ["50101.00", "1"]]}
    exchange.do("POST", "/liquidity", levels)
    until_true(lambda: book(mirror) == book(exchange))
    exchange.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.5"})
    exchange.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.25"})
    until_true(lambda: last_price(mirror) == Decimal("50100.00"))
    newest = mirror.get("/api/v3/trades", symbol="BTCUSDT", limit=2)
    assert [(row["price"], row["qty"], row["isBuyerMaker"]) for row in newest] == [
        ("50100.50000000", "0.50000000", False),
        ("50100.00000000", "0.25000000", True),
    ]

    def candles(twin: RunningTwin, interval: str) -> Any:
        return twin.get("/api/v3/klines", symbol="BTCUSDT", interval=interval, limit=1)

    for interval in ("1m", "1h"):
        until_true(partial(same, candles, mirror, exchange, interval))


def test_resting_orders_fill_when_the_real_market_passes_them(exchange: RunningTwin, mirror: RunningTwin) -> None:
    exchange.do("POST", "/liquidity", {"symbol": "BTCUSDT", "bids": [["50000", "1"]], "asks": [["50010", "1"]]})
    until_true(lambda: book(mirror) == book(exchange))
    by_trade = order(mirror, side="BUY", price="50001", quantity="0.02")
    by_book = order(mirror, side="SELL", price="50020", quantity="0.03")
    assert by_trade["status"] == by_book["status"] == "NEW"

    def status(placed: dict[str, Any]) -> str:
        query = rest_signed(mirror, {"symbol": "BTCUSDT", "orderId": placed["orderId"]})
        headers = {"X-MBX-APIKEY": mirror.key}
        answer = HTTP.get(f"{mirror.rest}/api/v3/order", params=query, headers=headers)
        return str(answer.json()["status"])

    # a seller takes the best bid over there; here the better bid of the user comes first
    exchange.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5"})
    until_true(lambda: status(by_trade) == "FILLED")
    assert status(by_book) == "NEW"
    # the market moves above the offer of the user without a trade
    exchange.do("POST", "/liquidity", {"symbol": "BTCUSDT", "bids": [["50030", "1"]], "asks": [["50040", "1"]]})
    until_true(lambda: status(by_book) == "FILLED")
    assert mirror.do("GET", "/audit")["ok"] is True


def test_a_connection_that_breaks_comes_back_and_the_book_is_right_again(
    exchange: RunningTwin, mirror: RunningTwin
) -> None:
    exchange.do("POST", "/faults", {"fault": "disconnect", "params": {"target": "streams"}})
    exchange.do("POST", "/liquidity", {"symbol": "ETHUSDT", "bids": [["3100", "4"]], "asks": [["3101", "4"]]})
    until_true(lambda: book(mirror, "ETHUSDT") == book(exchange, "ETHUSDT"))
    until_true(lambda: mirror.do("GET", "/state")["mirror"]["reconnects"] >= 1)


def test_a_mirrored_price_cannot_be_moved_nor_its_time(mirror: RunningTwin) -> None:
    headers = {"X-Control-Token": "a-token-for-tests-only"}
    for path, body in [
        ("/faults", {"fault": "price_gap", "match": {"symbol": "BTCUSDT"}}),
        ("/clock", {"advance_ms": 1000}),
    ]:
        answer = HTTP.post(f"{mirror.control}{path}", json=body, headers=headers)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("market", "symbols", "reason"),
    [
        (
            {"rest": "http://127.0.0.1:9", "streams": "ws://127.0.0.1:9"},
            SYMBOLS,
            "does not answer at http://127.0.0.1:9",
        ),
        ({}, ["NOPEUSDT"], "Invalid symbol."),
    ],
    ids=["nobody there", "unknown symbol"],
)
def test_what_cannot_be_mirrored_is_refused_with_what_to_do(
    exchange: RunningTwin, mirror: RunningTwin, market: dict[str, str], symbols: list[str], reason: str
) -> None:
    fixture = mirror_of(exchange)
    body = {**fixture, "market": {**fixture["market"], **market}, "symbols": symbols}
    headers = {"X-Control-Token": "a-token-for-tests-only"}
    answer = HTTP.post(f"{mirror.control}/reset", json=body, headers=headers)
    assert answer.status_code == 400
    assert reason in answer.json()["detail"]
    assert [entry["symbol"] for entry in mirror.get("/api/v3/exchangeInfo")["symbols"]] == SYMBOLS, "all is as before"


def test_a_mirror_of_nobody_ends_with_what_is_missing(tmp_path: Path) -> None:
    fixture = tmp_path / "fixture.json"
    market = {"kind": "mirror", "rest": "http://127.0.0.1:9", "streams": "ws://127.0.0.1:9"}
    fixture.write_text(json.dumps({"market": market, "symbols": SYMBOLS}))
    command = [sys.executable, "-m", "simulator.main", "serve", "--port", "0", "--fixture", str(fixture)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "does not answer at http://127.0.0.1:9" in done.stderr
    assert "market.rest" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mirror_runs_in_real_time_only() -> None:
    with pytest.raises(FixtureError, match="real time"):
        parse_fixture({"market": {"kind": "mirror"}, "symbols": SYMBOLS, "clock": {"mode": "stepped"}})
