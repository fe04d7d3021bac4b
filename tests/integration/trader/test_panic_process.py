"""Panic and halts over the REST API of a real process, on real PostgreSQL and the twin."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from shared.src.config import Settings
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.test_process import Trader, trader_process, until

pytestmark = pytest.mark.integration

TRADE_TOKEN = "rt_a-token-that-may-only-trade"
BY_TRADER = {"Authorization": f"Bearer {TRADE_TOKEN}"}
ORDER = {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.01}


def may_trade(settings: Settings) -> None:
    """Give TRADE_TOKEN the scope trade."""
    with psycopg.connect(settings.database_url) as connection:
        sha = hashlib.sha256(TRADE_TOKEN.encode()).hexdigest()
        connection.execute(
            "INSERT INTO api_tokens (token_id, name, sha256, scope) VALUES ('t1', 't', %s, 'trade')", (sha,)
        )


def refused_by_halt(trader: Trader) -> None:
    refused = trader.post("/order", ORDER)
    assert refused.status_code == 422
    assert "trading is halted: panic: fire" in refused.json()["detail"]


def test_a_panic_survives_a_kill_and_is_lifted_by_an_admin_alone(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    may_trade(trader_settings)
    with trader_process(trader_settings, tmp_path) as trader:
        assert trader.client.get("/status").json()["state"] == "running"
        assert trader.post("/order", ORDER).status_code == 201
        assert trader.post("/order", ORDER | {"type": "LIMIT", "price": "45000"}).status_code == 201

        assert trader.client.post("/panic", json={"confirm": True}).status_code == 401
        assert trader.post("/panic", {}, **BY_TRADER).status_code == 422
        started = trader.post("/panic", {"confirm": True, "reason": "fire"}, **BY_TRADER)
        assert (started.status_code, started.json()["panic"]) == (202, True)
        trader.kill()
        trader.start()
        trader.wait_until_healthy()
        until(trader_settings, "SELECT 1 FROM trade_cycles HAVING count(*) FILTER (WHERE completed_at IS NULL) = 0")
        again = trader.post("/panic", {"confirm": True, "reason": "fire"})
        assert again.json() | {"done": True} == started.json() | {"positions_open": 0, "entries_open": 0, "done": True}
        assert trader.client.get("/orders", params={"status": "open"}).json()["orders"] == []
        assert "all halted since" in trader.client.get("/health").text

        status = trader.client.get("/status").json()
        assert status["state"] == "halted"
        assert [(halt["cause"], halt["since"]) for halt in status["halts"]] == [("panic", started.json()["since"])]
        refused_by_halt(trader)
        forbidden = trader.post("/config/resume", {}, **BY_TRADER)
        assert (forbidden.status_code, "only an admin" in forbidden.json()["detail"]) == (403, True)
        refused_by_halt(trader)
        assert trader.post("/config/resume", {}).status_code == 200
        assert trader.post("/order", ORDER).status_code == 201
