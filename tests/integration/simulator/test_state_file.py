"""A twin with a state file goes on where it was, however it was stopped."""

from __future__ import annotations

import hashlib
import hmac
import pickle
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from shared.src.domain.errors import ConfigurationError
from simulator.fixture import parse_fixture
from simulator.snapshot import load, restore
from tests.integration.simulator.conftest import STILL, RunningTwin, running_twin


def signed(twin: RunningTwin, method: str, path: str, **params: Any) -> Any:
    account = twin.accounts[0]
    query = urlencode({**params, "timestamp": int(time.time() * 1000)})
    signature = hmac.new(account["secret_key"].encode(), query.encode(), hashlib.sha256).hexdigest()
    answer = httpx.request(
        method, f"{twin.rest}{path}?{query}&signature={signature}", headers={"X-MBX-APIKEY": account["api_key"]},
        trust_env=False,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def trade_something(twin: RunningTwin) -> int:
    signed(twin, "POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    resting = signed(
        twin, "POST", "/api/v3/order", symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC",
        quantity="0.2", price="51000", newClientOrderId="rests",
    )  # fmt: skip
    signed(
        twin, "POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.1", aboveType="LIMIT_MAKER",
        abovePrice="60000", belowType="STOP_LOSS", belowStopPrice="40000",
    )  # fmt: skip
    return int(resting["orderId"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_accounts_orders_and_trades_outlive_the_process(tmp_path: Path, how: signal.Signals) -> None:
    state = str(tmp_path / "twin.state")
    with running_twin(tmp_path, "--state", state, fixture=STILL) as twin:
        order_id = trade_something(twin)
        before = signed(twin, "GET", "/api/v3/account")["balances"]
        keys = twin.accounts
        time.sleep(1.5)
        twin.process.send_signal(how)
        twin.process.wait(10)

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
            twin, "POST", "/api/v3/order", symbol="BTCUSDC", side="BUY", type="LIMIT", timeInForce="GTC",
            quantity="0.01", price=near,
        )  # fmt: skip
        time.sleep(1.2)
    time.sleep(4)

    with running_twin(tmp_path, "--state", state) as twin:
        time.sleep(1)
        rows = twin.get("/api/v3/klines", symbol="BTCUSDC", interval="1m", startTime=first[0][0], limit=60)
        times = [row[0] for row in rows]
        assert times == list(range(times[0], times[0] + 60_000 * len(times), 60_000))
        assert rows[: len(first) - 1] == first[:-1]
        assert len(rows) >= len(first) + 4
        assert all(row[8] for row in rows[:-1])
        order = signed(twin, "GET", "/api/v3/order", symbol="BTCUSDC", orderId=resting["orderId"])
        assert order["status"] in ("FILLED", "NEW")
        lows = min(Decimal(row[3]) for row in rows[len(first) :])
        assert (order["status"] == "FILLED") == (lows < Decimal(near)) or lows == Decimal(near)
        assert twin.do("GET", "/audit")["ok"]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("never",)


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps(Bomb()), pickle.dumps({"a": 1})])
def test_a_file_that_is_no_state_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError):
        load(file)


def test_without_a_file_the_fixture_decides(tmp_path: Path) -> None:
    twin = restore(tmp_path / "none", parse_fixture(STILL))

    assert set(twin.exchange.accounts) == {"alice", "bob", "carol"}
