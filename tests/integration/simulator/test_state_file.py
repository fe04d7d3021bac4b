"""A twin with a state file goes on where it was, however it was stopped."""

from __future__ import annotations

import hashlib
import hmac
import pickle
import signal
import sqlite3
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.src.domain.errors import ConfigurationError
from simulator.fixture import parse_fixture
from simulator.snapshot import StateWriter, load, restore
from simulator.twin import Twin
from tests.integration.simulator.conftest import HTTP, STILL, RunningTwin, running_twin, until_true


def signed(twin: RunningTwin, method: str, path: str, **params: Any) -> Any:
    account = twin.accounts[0]
    query = urlencode({**params, "recvWindow": 60_000, "timestamp": int(time.time() * 1000)})
    signature = hmac.new(account["secret_key"].encode(), query.encode(), hashlib.sha256).hexdigest()
    answer = HTTP.request(
        method,
        f"{twin.rest}{path}?{query}&signature={signature}",
        headers={"X-MBX-APIKEY": account["api_key"]},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_saved(state: str, client_order_id: str) -> bool:
    """Whether an order, and with it all that was before it, is in the state file."""
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=60)) as database:
        rows = database.execute("SELECT count(*) FROM records WHERE document LIKE ?", [f'%"{client_order_id}"%'])
        return bool(rows.fetchone()[0])


def trade_something(twin: RunningTwin) -> int:
    signed(twin, "POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    resting = signed(
        twin,
        "POST",
        "/api/v3/order",
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.2",
        price="51000",
        newClientOrderId="rests",
    )
    signed(
        twin,
        "POST",
        "/api/v3/orderList/oco",
        symbol="BTCUSDT",
        side="SELL",
        quantity="0.1",
        aboveType="LIMIT_MAKER",
        abovePrice="60000",
        belowType="STOP_LOSS",
        belowStopPrice="40000",
        aboveClientOrderId="last",
    )
    return int(resting["orderId"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_accounts_orders_and_trades_outlive_the_process(tmp_path: Path, how: signal.Signals) -> None:
    state = str(tmp_path / "twin.state")
    with running_twin(tmp_path, "--state", state, fixture=STILL) as twin:
        order_id = trade_something(twin)
        before = signed(twin, "GET", "/api/v3/account")["balances"]
        keys = twin.accounts
        until_true(lambda: is_saved(state, "last"))
        twin.process.send_signal(how)
        twin.process.wait(60)

    with running_twin(tmp_path, "--state", state) as twin:
        assert twin.accounts == keys
        assert signed(twin, "GET", "/api/v3/account")["balances"] == before
        orders = signed(twin, "GET", "/api/v3/openOrders", symbol="BTCUSDT")
        assert orders[0]["orderId"] == order_id
        assert len(orders) == 3
        assert len(signed(twin, "GET", "/api/v3/myTrades", symbol="BTCUSDT")) == 1

        twin.do("POST", "/trades", {"symbol": "BTCUSDT", "side": "BUY", "quantity": "3.1"})

        filled = signed(twin, "GET", "/api/v3/order", symbol="BTCUSDT", orderId=order_id)
        assert filled["status"] == "FILLED"
        assert twin.do("GET", "/audit")["ok"]


def test_the_market_went_on_while_the_twin_was_down(tmp_path: Path) -> None:
    state = str(tmp_path / "twin.state")
    fixture = {
        "clock": {"mode": "accelerated", "speed": 60},
        "market": {"kind": "synthetic", "history_minutes": 120},
        "symbols": "default",
        "accounts": [{"name": "demo", "balances": {"USDC": "100000"}}],
    }
    with running_twin(tmp_path, "--state", state, fixture=fixture) as twin:
        first = twin.get("/api/v3/klines", symbol="BTCUSDC", interval="1m", limit=30)
        price = Decimal(twin.get("/api/v3/ticker/price", symbol="BTCUSDC")["price"])
        near = format((price * Decimal("0.9999")).quantize(Decimal("0.01")), "f")
        resting = signed(
            twin,
            "POST",
            "/api/v3/order",
            symbol="BTCUSDC",
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity="0.01",
            price=near,
        )
        time.sleep(1.2)
    time.sleep(4)

    with running_twin(tmp_path, "--state", state) as twin:
        time.sleep(1)
        early = signed(twin, "GET", "/api/v3/order", symbol="BTCUSDC", orderId=resting["orderId"])
        rows = twin.get("/api/v3/klines", symbol="BTCUSDC", interval="1m", startTime=first[0][0], limit=1000)
        times = [row[0] for row in rows]
        assert times == list(range(times[0], times[0] + 60_000 * len(times), 60_000))
        assert rows[: len(first) - 1] == first[:-1]
        assert len(rows) >= len(first) + 4
        assert all(row[8] for row in rows[:-1])
        late = signed(twin, "GET", "/api/v3/order", symbol="BTCUSDC", orderId=resting["orderId"])
        placed = resting["transactTime"]
        if early["status"] == "FILLED":
            assert min(Decimal(row[3]) for row in rows if row[6] >= placed) <= Decimal(near)
        if min(Decimal(row[3]) for row in rows if row[0] > placed) < Decimal(near):
            assert late["status"] == "FILLED"
        assert twin.do("GET", "/audit")["ok"]


STEPPED: dict[str, Any] = {
    **STILL,
    "clock": {"mode": "stepped"},
    "accounts": [{"name": "alice", "balances": {"BTC": "5", "USDT": "500000", "BNB": "1"}, "bnb_discount": True}],
}
B = {"symbol": "BTCUSDT"}
# Every question a client can ask of an account or a market; what counts requests is as new as the process.
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v3/account", {}), ("/api/v3/account/commission", B), ("/api/v3/openOrders", {}), ("/api/v3/allOrders", B),
    ("/api/v3/openOrderList", {}), ("/api/v3/allOrderList", {}), ("/api/v3/myTrades", B), ("/api/v3/myFilters", B),
    ("/api/v3/order", {**B, "origClientOrderId": "amended"}), ("/api/v3/order/amendments", {**B, "orderId": "AMENDED"}),
    ("/api/v3/myPreventedMatches", {**B, "orderId": "PREVENTED"}), ("/sapi/v1/algo/spot/openOrders", {}),
    ("/sapi/v1/account/apiRestrictions", {}), ("/api/v3/orderList", {"orderListId": "LIST"}),
]  # fmt: skip
PUBLIC_QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v3/time", {}), ("/api/v3/exchangeInfo", {}), ("/api/v3/depth", {**B, "limit": 5000}),
    ("/api/v3/trades", {**B, "limit": 1000}), ("/api/v3/aggTrades", {**B, "limit": 1000}), ("/api/v3/avgPrice", B),
    ("/api/v3/klines", {**B, "interval": "1m"}), ("/api/v3/klines", {**B, "interval": "1s"}),
    ("/api/v3/klines", {**B, "interval": "1d"}), ("/api/v3/ticker/24hr", {}), ("/api/v3/ticker", B),
    ("/api/v3/ticker/tradingDay", B), ("/api/v3/ticker/price", {}), ("/api/v3/ticker/bookTicker", {}),
]  # fmt: skip


def answers(twin: RunningTwin, ids: dict[str, int]) -> dict[str, Any]:
    asked = {
        f"{path} {params}": signed(twin, "GET", path, **{k: ids.get(v, v) for k, v in params.items()})
        for path, params in QUESTIONS
    }
    return asked | {f"{path} {params}": twin.get(path, **params) for path, params in PUBLIC_QUESTIONS}


def live_a_little(twin: RunningTwin) -> dict[str, int]:
    """Orders in every state an order can be in, and a market that moved."""
    trade_something(twin)
    order = {**B, "type": "LIMIT", "timeInForce": "GTC"}

    def place(**params: str) -> int:
        return int(signed(twin, "POST", "/api/v3/order", **{**order, **params})["orderId"])

    place(side="SELL", quantity="0.3", price="50010", icebergQty="0.1")
    prevented = place(side="BUY", quantity="2.9", price="50010", selfTradePreventionMode="EXPIRE_TAKER")
    amended = place(side="SELL", quantity="0.3", price="52000", newClientOrderId="first")
    signed(
        twin, "PUT", "/api/v3/order/amend/keepPriority", **B, orderId=amended, newQty="0.2", newClientOrderId="amended"
    )
    gone = place(side="BUY", quantity="0.3", price="40000")
    signed(twin, "DELETE", "/api/v3/order", **B, orderId=gone)
    signed(twin, "POST", "/api/v3/order", **B, side="SELL", type="STOP_LOSS", quantity="0.1", trailingDelta="200")
    pair = signed(
        twin,
        "POST",
        "/api/v3/orderList/opoco",
        **B,
        workingType="LIMIT",
        workingSide="BUY",
        workingQuantity="0.2",
        workingPrice="49000",
        workingTimeInForce="GTC",
        pendingSide="SELL",
        pendingAboveType="LIMIT_MAKER",
        pendingAbovePrice="60000",
        pendingBelowType="STOP_LOSS",
        pendingBelowStopPrice="41000",
    )
    signed(twin, "POST", "/sapi/v1/algo/spot/newOrderTwap", **B, side="BUY", quantity="0.5", duration=600)
    for price in ("50020", "50100", "50060"):
        twin.do("POST", "/clock", {"advance_ms": 20_000})
        twin.do("POST", "/liquidity", {**B, "bids": [[str(int(price) - 10), "2"]], "asks": [[price, "2"]]})
        twin.do("POST", "/trades", {**B, "side": "BUY", "quantity": "0.4", "price": price})
    twin.do("POST", "/symbols", {"symbol": "ETHUSDT", "status": "HALT"})
    return {"AMENDED": amended, "PREVENTED": prevented, "LIST": pair["orderListId"]}


def test_every_question_has_the_same_answer_after_a_restart(tmp_path: Path) -> None:
    state = str(tmp_path / "twin.state")
    with running_twin(tmp_path, "--state", state, fixture=STEPPED) as twin:
        ids = live_a_little(twin)
        before = answers(twin, ids)
        audit = twin.do("GET", "/audit")
    for _ in range(2):
        with running_twin(tmp_path, "--state", state) as twin:
            assert answers(twin, ids) == before
            assert twin.do("GET", "/audit") == audit
    with running_twin(tmp_path, "--state", state) as twin:
        # the trailing stop still knows the highest price: 50100 less 2 %
        twin.do("POST", "/liquidity", {**B, "bids": [["49098", "5"]], "asks": [["49099", "5"]]})
        twin.do("POST", "/trades", {**B, "side": "SELL", "quantity": "0.01", "price": "49098"})
        stops = [row for row in signed(twin, "GET", "/api/v3/allOrders", **B) if row.get("trailingDelta")]
        assert [row["status"] for row in stops] == ["FILLED"]
        assert twin.do("GET", "/audit")["ok"]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("never",)


@pytest.mark.parametrize("content", [b"nonsense", pickle.dumps(Bomb()), pickle.dumps({"a": 1})])
def test_a_file_that_is_no_state_file_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"{file} cannot be used: .*Move it away"):
        load(file)
    assert file.read_bytes() == content


def test_a_file_of_another_version_or_program_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state"
    StateWriter(Twin(parse_fixture(STILL)), file).close()
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match="version 99, this twin reads and writes version"):
        load(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA application_id = 1")
    with pytest.raises(ConfigurationError, match="another program"):
        load(file)


def test_without_a_file_the_fixture_decides(tmp_path: Path) -> None:
    twin = restore(tmp_path / "none", parse_fixture(STILL))

    assert set(twin.exchange.accounts) == {"alice", "bob", "carol"}
