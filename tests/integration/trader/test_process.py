"""The trader as a process of its own: its REST API, kill -9 at random moments, refusing a wrong configuration."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from redis import Redis

from shared.src.config import Settings
from shared.src.contracts.topics import ORDER_INTENT
from tests.integration.simulator.conftest import PROJECT_ROOT, RunningTwin
from tests.integration.trader.conftest import TOKEN, entry, way_out

pytestmark = pytest.mark.integration
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def environment(settings: Settings, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PGHOST": settings.pghost,
        "PGPORT": str(settings.pgport),
        "PGUSER": settings.pguser,
        "PGPASSWORD": settings.pgpassword.get_secret_value(),
        "PGDATABASE": settings.pgdatabase,
        "REDIS_HOST": settings.redis_host,
        "REDIS_PORT": str(settings.redis_port),
        "REDIS_PASSWORD": settings.redis_password.get_secret_value(),
        "REDIS_DB": str(settings.redis_db),
        "SIMULATOR_URL": settings.simulator_url,
        "BINANCE_API_KEY": settings.binance_api_key.get_secret_value(),
        "BINANCE_SECRET_KEY": settings.binance_secret_key.get_secret_value(),
        "TRADING_SYMBOLS": ",".join(settings.trading_symbols),
        "MAX_EXPOSURE_PERCENT": "100",
        "MAX_POSITION_SIZE": "5000",
        "MAX_CONCURRENT_POSITIONS": "50",
        "API_TOKEN": TOKEN,
        "TRADER_PORT": str(port),
    }


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Trader:
    """A trader process and its address."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.port = free_port()
        self.environment = environment(settings, self.port)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def start(self) -> None:
        with self._log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trader.src.main"], cwd=PROJECT_ROOT, env=self.environment, stderr=errors
            )

    def wait_until_healthy(self) -> None:
        for _ in range(600):
            try:
                if self.client.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self._log.read_text()[-3000:])

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.client.post(path, json=body, headers=AUTHORIZED | headers)


@contextmanager
def trader_process(settings: Settings, folder: Path) -> Iterator[Trader]:
    trader = Trader(settings, folder / "trader.log")
    trader.start()
    try:
        trader.wait_until_healthy()
        yield trader
    finally:
        if trader.process is not None and trader.process.poll() is None:
            assert trader.stop() == 0
        trader.client.close()


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    with psycopg.connect(settings.database_url, row_factory=dict_row) as connection:
        return connection.execute(sql).fetchall()


def until(settings: Settings, sql: str, seconds: float = 60) -> list[dict[str, Any]]:
    for _ in range(int(seconds * 10)):
        if found := rows(settings, sql):
            return found
        time.sleep(0.1)
    cycles = rows(settings, "SELECT id, symbol, status, exit_reason, protected_at FROM trade_cycles")
    orders = rows(settings, "SELECT client_order_id, purpose, status, reject_code, reason FROM orders")
    raise AssertionError("\n".join(map(str, [f"nothing from {sql}", *cycles, *orders])))


def controls(trader: Trader, settings: Settings, order: dict[str, Any]) -> None:
    """Cancel, pause, resume, close, and what the audit trail keeps of it."""
    limit = order | {"type": "LIMIT", "price": "45000"}
    resting = trader.post("/order", limit).json()
    assert resting["status"] == "NEW"
    canceled = trader.client.delete(f"/order/{resting['order_id']}", headers=AUTHORIZED).json()
    assert (canceled["status"], canceled["outcome"]) == ("CANCELED", "canceled")
    until(settings, "SELECT * FROM trade_cycles WHERE status = 'canceled'")

    assert trader.post("/config/pause", {"symbol": "BTCUSDC", "reason": "lunch"}).status_code == 200
    paused = trader.post("/order", order)
    assert (paused.status_code, "lunch" in paused.json()["detail"]) == (422, True)
    assert trader.post("/config/resume", {"symbol": "BTCUSDC"}).status_code == 200
    assert trader.post("/config/resume", {"symbol": "BTCUSDC"}).status_code == 404

    moves(trader, settings)
    closing = trader.post("/close-position", {"symbol": "BTCUSDC", "reason": "manual_exit"})
    assert closing.status_code == 200, closing.text
    (cycle,) = until(settings, "SELECT * FROM trade_cycles WHERE status = 'completed'")
    assert cycle["exit_reason"] == "manual_exit"
    assert trader.client.get("/stats").json()["cycles"]["completed"] == 1
    actions = [row["action"] for row in rows(settings, "SELECT action FROM audit_trail ORDER BY id")]
    assert {"order", "cancel", "pause", "resume", "move", "close"} <= set(actions)


def moves(trader: Trader, settings: Settings) -> None:
    """Move the stop of the open position: refused with its reason, then replaced on the exchange."""
    (cycle,) = until(settings, "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL AND status = 'active_buy'")
    path = f"/cycles/{cycle['id']}"
    assert trader.client.patch(path, json={"stop_price": "49500"}).status_code == 401
    for body, reason in (
        ({"stop_price": "60000"}, "would sell at once"),
        ({"stop_price": "40000"}, "would loosen"),
        ({"take_profit_price": "40000"}, "would sell at once"),
        ({}, "give a stop_price"),
        ({"stop_price": "-1"}, "stop_price"),
    ):
        refused = trader.client.patch(path, json=body, headers=AUTHORIZED)
        assert (refused.status_code, reason in refused.text) == (422, True), refused.text
    assert trader.client.patch("/cycles/none", json={"stop_price": "49500"}, headers=AUTHORIZED).status_code == 404
    moved = trader.client.patch(path, json={"stop_price": "49500.001"}, headers=AUTHORIZED)
    assert (moved.status_code, moved.json().get("stop_price")) == (200, "49500"), moved.text
    until(settings, "SELECT * FROM orders WHERE purpose = 'stop_loss' AND status = 'NEW' AND stop_price = 49500")


def test_the_api_trades_refuses_and_explains(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    with trader_process(trader_settings, tmp_path) as trader:
        order = {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.01}
        assert trader.client.post("/order", json=order).status_code == 401
        wrong = trader.client.post("/order", json=order, headers={"Authorization": "Bearer nonsense"})
        assert wrong.status_code == 401
        refused = [
            ({"symbol": "NOSUCHUSDC", "side": "BUY", "quantity": 1}, 422, "TRADING_SYMBOLS"),
            ({"symbol": "BTCUSDC", "side": "BUY", "quantity": -1}, 422, "quantity"),
            ({"symbol": "BTCUSDC", "side": "HOLD", "quantity": 1}, 422, "side"),
            ({"symbol": "BTCUSDC", "side": "BUY", "quantity": 1, "colour": "red"}, 422, "colour"),
            ({"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.01, "type": "LIMIT"}, 422, "price is needed"),
            ({"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.00001}, 422, "notional"),
            ({"symbol": "BTCUSDC", "side": "SELL", "quantity": 0.01}, 422, "not free"),
        ]
        for body, status, word in refused:
            answer = trader.post("/order", body)
            assert (answer.status_code, word in answer.json()["detail"]) == (status, True), answer.text
        broken = trader.client.post("/order", content=b"{", headers=AUTHORIZED)
        assert (broken.status_code, "not JSON" in broken.json()["detail"]) == (400, True)

        first = trader.post("/execute-order", order | {"order_type": "MARKET"}, **{"Idempotency-Key": "k"})
        again = trader.post("/execute-order", order | {"order_type": "MARKET"}, **{"Idempotency-Key": "k"})
        assert trader.post("/trade", order, **{"Idempotency-Key": "k"}).status_code == 409
        assert first.status_code == 201, first.text
        assert first.json()["status"] == "FILLED"
        assert first.json()["client_order_id"] == again.json()["client_order_id"]
        assert len(rows(trader_settings, "SELECT * FROM orders WHERE side = 'BUY'")) == 1
        until(trader_settings, "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL")

        (position,) = trader.client.get("/positions").json()["positions"]
        assert (position["symbol"], position["strategy"], position["status"]) == ("BTCUSDC", "MANUAL", "active_buy")
        orders = trader.client.get("/orders", params={"symbol": "btcusdc", "limit": 2}).json()["orders"]
        assert [item["status"] for item in orders] == ["NEW", "NEW"]
        leg = trader.client.delete(f"/order/{orders[0]['client_order_id']}", headers=AUTHORIZED)
        assert (leg.status_code, "protects" in leg.json()["detail"]) == (409, True)
        assert trader.client.get("/orders", params={"limit": "many"}).status_code == 422
        assert trader.client.get("/order/nothing").status_code == 404
        controls(trader, trader_settings, order)
        for path in ("/metrics", "/diagnostic", "/openapi.json", "/docs", "/prices", "/price/BTCUSDC", "/balance"):
            assert trader.client.get(path).status_code == 200, path


def test_a_key_is_one_call_for_concurrent_callers_for_refusals_and_after_a_kill(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    order = {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.01}
    too_much = order | {"quantity": 1}

    def send(body: dict[str, Any], key: str) -> httpx.Response:
        return trader.post("/order", body, **{"Idempotency-Key": key})

    with trader_process(trader_settings, tmp_path) as trader, ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: send(order, "once"), range(4)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        refused = send(too_much, "too-much")
        assert refused.status_code == 422
        trader.kill()
        trader.start()
        trader.wait_until_healthy()
        assert send(order, "once").content == answers[0].content
        assert send(too_much, "too-much").content == refused.content
        other = send(order | {"symbol": "ETHUSDC"}, "once")
        assert (other.status_code, "another body" in other.json()["detail"]) == (409, True)
        elsewhere = trader.post("/config/pause", order, **{"Idempotency-Key": "once"})
        assert (elsewhere.status_code, "POST /order" in elsewhere.json()["detail"]) == (409, True)
    assert len(rows(trader_settings, "SELECT * FROM orders WHERE side = 'BUY'")) == 1


def test_whoever_takes_an_unanswered_entry_back_learns_that_it_was_never_sent(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    twin.do("POST", "/faults", {"fault": "request_lost", "count": 1})
    with trader_process(trader_settings, tmp_path) as trader:
        wish = entry("lost", quantity="0.01", stop_loss=None, take_profit=None)
        flushed.xadd(ORDER_INTENT.name, {b"k": b"", b"d": ORDER_INTENT.encode(wish)})
        (order,) = until(trader_settings, "SELECT client_order_id FROM orders WHERE status = 'UNKNOWN'")
        answer = trader.client.delete(f"/order/{order['client_order_id']}", headers=AUTHORIZED)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "never sent")
        until(trader_settings, "SELECT 1 FROM trade_cycles WHERE exit_reason = 'canceled by hand, never sent'")
        assert len(rows(trader_settings, "SELECT 1 FROM orders")) == 1


def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    """Five positions; the process is killed at a different moment of each."""
    with trader_process(trader_settings, tmp_path) as trader:
        for number in range(5):
            symbol, price = ("BTCUSDC", "50000") if number % 2 else ("ETHUSDC", "3000")
            wish = entry(
                f"kill-{number}",
                symbol=symbol,
                quantity="0.01" if number % 2 else "0.1",
                reference_price=price,
                stop_loss=None,
                take_profit=None,
            )
            fields = {b"k": b"", b"d": ORDER_INTENT.encode(wish)}
            flushed.xadd(ORDER_INTENT.name, fields)  # type: ignore[arg-type]
            time.sleep(0.006 * number)
            trader.kill()
            trader.start()
            trader.wait_until_healthy()
        protected = "SELECT count(*) FROM trade_cycles WHERE status = 'active_buy' AND protected_at IS NOT NULL"
        until(trader_settings, f"SELECT 1 WHERE ({protected}) = 5", 90)
        for symbol in ("BTCUSDC", "ETHUSDC"):
            message = way_out(f"out-{symbol}", symbol=symbol)
            flushed.xadd(ORDER_INTENT.name, {b"k": b"", b"d": ORDER_INTENT.encode(message)})
            time.sleep(0.01)
            trader.kill()
            trader.start()
            trader.wait_until_healthy()
        until(trader_settings, "SELECT 1 WHERE (SELECT count(*) FROM trade_cycles WHERE status = 'completed') = 5", 90)
    buys = rows(trader_settings, "SELECT * FROM orders WHERE side = 'BUY' AND executed_quantity > 0")
    assert len(buys) == 5
    assert not rows(trader_settings, "SELECT * FROM orders WHERE purpose = 'external'")
    assert twin.do("GET", "/audit").get("ok", True)
    net = rows(
        trader_settings,
        "SELECT sum(CASE side WHEN 'BUY' THEN -quote_quantity ELSE quote_quantity END "
        "- CASE WHEN fee_asset = 'USDC' THEN fee ELSE 0 END) AS cash FROM trade_executions",
    )[0]["cash"]
    profit = rows(trader_settings, "SELECT sum(profit_loss) AS total FROM trade_cycles")[0]["total"]
    assert abs(net - profit) < 1  # dust at its cost
    assert not rows(trader_settings, "SELECT * FROM trading_pauses")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"BINANCE_API_KEY": "wrong"}, "BINANCE_API_KEY"),
        ({"TRADING_MODE": "casino"}, "TRADING_MODE"),
        ({"TRADER_PORT": "{taken}"}, "TRADER_PORT"),
    ],
)
def test_a_wrong_configuration_refuses_to_start_and_names_the_variable(
    trader_settings: Settings, twin: RunningTwin, tmp_path: Path, change: dict[str, str], word: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        filled = {name: value.format(taken=taken.getsockname()[1]) for name, value in change.items()}
        done = subprocess.run(
            [sys.executable, "-m", "trader.src.main"],
            cwd=PROJECT_ROOT,
            env=environment(trader_settings, free_port()) | filled,
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 2
    assert word in done.stderr.decode()
