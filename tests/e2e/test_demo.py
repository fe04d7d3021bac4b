"""The whole platform, from market to ledger, as ``make demo`` runs it; while its parts are killed one by one."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from shared.src.config import SERVICES
from tests.demo import RunningDemo, alive, roottrading

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(700)]

SAMPLES = {
    "volume and net result per symbol": """
        SELECT symbol, COUNT(*) AS trade_count,
               SUM(CASE WHEN side = 'BUY' THEN quote_quantity ELSE 0 END) AS buy_volume,
               SUM(CASE WHEN side = 'SELL' THEN quote_quantity ELSE 0 END) AS sell_volume,
               SUM(CASE WHEN side = 'SELL' THEN quote_quantity ELSE -quote_quantity END) AS net_pnl
        FROM trades GROUP BY symbol ORDER BY net_pnl DESC""",
    "performance per strategy": """
        SELECT t.strategy, COUNT(*) AS trade_count,
               SUM(CASE WHEN side = 'SELL' THEN quote_quantity ELSE -quote_quantity END) AS net_pnl
        FROM trades t GROUP BY t.strategy ORDER BY net_pnl DESC""",
    "cycles": """
        SELECT entry_price, exit_price, quantity, profit_loss, profit_loss_percent, strategy, status, created_at,
               completed_at FROM trade_cycles WHERE status = 'completed'""",
}


def test_every_service_is_killed_in_turn_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "data", "--duration", "170", "--seed", "11") as demo:
        time.sleep(20)
        services = demo.status()["services"]
        for service in SERVICES:
            os.kill(services[service]["pid"], signal.SIGKILL)
            demo.wait_for(service, restarts=1)
        url = roottrading("db", "url", data=demo.data).stdout.strip()
        with psycopg.connect(url) as connection:
            for what, statement in SAMPLES.items():
                assert connection.execute(statement.encode()).fetchall(), what
        started = demo.processes()
        code, summary = demo.summary()
    assert alive(started) == []
    assert summary["differences"] == []
    assert summary["ledger_equals_exchange"]
    assert (summary["duplicates"], summary["gaps"], summary["dead_letters"]) == (0, 0, 0)
    assert summary["cycles"]["completed"] >= 5
    assert all(part["restarts"] == 1 and part["healthy"] for part in summary["services"].values())
    assert summary["ok"]
    assert code == 0


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "data", "--duration", "600", "--symbols", "BTCUSDC,ETHUSDC") as demo:
        started = demo.processes()
        assert len(started) > len(SERVICES)
        assert demo.interrupt() == 130
    assert alive(started) == []


@pytest.mark.parametrize(
    ("arguments", "variables", "named", "code"),
    [
        (["up"], {"TRADING_MODE": "lvie"}, "TRADING_MODE", 2),
        (["up"], {"TRADING_MODE": "live"}, "BINANCE_API_KEY", 2),
        (["demo", "--symbols", "BTC/USDC"], {}, "BTC/USDC", 2),
        (["demo", "--replay", "no-such-file.csv"], {}, "no-such-file.csv", 3),
        (["demo", "--kafka", "nonsense"], {}, "kafka", 2),
    ],
)
def test_a_start_that_makes_no_sense_is_refused_and_says_why(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], named: str, code: int
) -> None:
    answer = roottrading(*arguments, data=tmp_path / "data", variables=variables)
    assert answer.returncode == code
    assert named.lower() in (answer.stderr + answer.stdout).lower()
