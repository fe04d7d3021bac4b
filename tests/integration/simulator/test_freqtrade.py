"""freqtrade as it is published starts on the twin, trades with stops on the exchange, and goes on after a restart.

No option of its is switched off: it reads coins, margin pairs and delistings, and its candles come by WebSocket. It is
installed into an environment of its own, kept in pytest's cache.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.simulator.conftest import RunningTwin, running_twin, until_true

VERSION = "2026.9"
INSTALL_S = 240
PAIRS = ("BTC/USDC", "ETH/USDC")
DUST = Decimal("0.0001")
STRATEGIES = """
from freqtrade.strategy import IStrategy


class Holds(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 30
    process_only_new_candles = False
    minimal_roi = {"0": 10}
    stoploss = -0.05
    order_types = {"entry": "market", "exit": "market", "stoploss": "limit", "stoploss_on_exchange": True}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe


class Leaves(Holds):
    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 1
        return dataframe
"""


@pytest.fixture(scope="module")
def freqtrade(request: pytest.FixtureRequest) -> Path:
    """The program; installed at the first use. Skips where that cannot be done."""
    assert isinstance(request.config.cache, pytest.Cache)
    home = request.config.cache.mkdir(f"freqtrade-{VERSION}")
    program, done = home / "bin" / "freqtrade", home / "installed"
    if done.exists():
        return program
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", f"freqtrade=={VERSION}"],
    )
    for step in steps:
        try:
            ran = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"freqtrade {VERSION} was not installed within {INSTALL_S} s")
        if ran.returncode != 0:
            pytest.skip(f"freqtrade {VERSION} cannot be installed here: {ran.stderr.strip().splitlines()[-1:]}")
    done.touch()
    return program


def configuration(twin: RunningTwin) -> dict[str, Any]:
    """The recipe of docs/simulator.md; addresses and keys are all that differs from trading on Binance."""
    addresses = {
        "public": f"{twin.rest}/api/v3",
        "private": f"{twin.rest}/api/v3",
        "sapi": f"{twin.rest}/sapi/v1",
        "sapiV3": f"{twin.rest}/sapi/v3",
        "fapiPublic": f"{twin.rest}/fapi/v1",
        "dapiPublic": f"{twin.rest}/dapi/v1",
        "ws": {"spot": f"{twin.streams}/ws", "ws-api": {"spot": twin.ws_api}},
    }
    return {
        "max_open_trades": len(PAIRS),
        "stake_currency": "USDC",
        "stake_amount": 500,
        "dry_run": False,
        "entry_pricing": {"price_side": "other"},
        "exit_pricing": {"price_side": "other"},
        "exchange": {
            "name": "binance",
            "key": twin.key,
            "secret": twin.secret,
            "pair_whitelist": list(PAIRS),
            "ccxt_config": {"urls": {"api": addresses}},
        },
        "pairlists": [{"method": "StaticPairList"}, {"method": "DelistFilter"}],
        "initial_state": "running",
        "internals": {"process_throttle_secs": 1},
    }


@contextmanager
def bot(program: Path, folder: Path, strategy: str) -> Iterator[None]:
    """Run freqtrade until the block ends; it must not warn of anything."""
    log = folder / f"{strategy}.log"
    command = [str(program), "trade", "--config", str(folder / "config.json"), "--userdir", str(folder)]
    options = ["--strategy-path", str(folder), "--strategy", strategy, "--db-url", f"sqlite:///{folder}/trades.sqlite"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *options], cwd=folder, stdout=output, stderr=output)
    try:
        yield
        process.terminate()
        process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        told = log.read_text()
        print(told[-4000:])  # shown when the test fails
    assert [line for line in told.splitlines() if "WARNING" in line or "ERROR" in line or "Traceback" in line] == []


def holdings(twin: RunningTwin) -> dict[str, Decimal]:
    """What the account locks, per asset."""
    balances = twin.do("GET", "/state")["accounts"][0]["balances"]
    return {asset: Decimal(held["locked"]) for asset, held in balances.items()}


def trades(folder: Path) -> list[tuple[str, int, float]]:
    """(pair, whether it is open, profit in USDC) of every trade in the bot's books."""
    with closing(sqlite3.connect(folder / "trades.sqlite")) as books:
        return books.execute("SELECT pair, is_open, realized_profit FROM trades ORDER BY pair").fetchall()


@pytest.mark.timeout(INSTALL_S + 300)
def test_freqtrade_starts_trades_and_restarts(freqtrade: Path, tmp_path: Path) -> None:
    (tmp_path / "strategies.py").write_text(STRATEGIES)
    with running_twin(tmp_path, "--seed", "7") as twin:
        (tmp_path / "config.json").write_text(json.dumps(configuration(twin)))
        before = Decimal(twin.do("GET", "/state")["accounts"][0]["balances"]["USDC"]["free"])

        with bot(freqtrade, tmp_path, "Holds"):
            until_true(lambda: sum(locked > DUST for locked in holdings(twin).values()) == len(PAIRS), 120)
        assert [(pair, is_open) for pair, is_open, _ in trades(tmp_path)] == [(pair, 1) for pair in PAIRS]

        with bot(freqtrade, tmp_path, "Leaves"):
            until_true(lambda: not any(is_open for _, is_open, _ in trades(tmp_path)), 120)
        account = twin.do("GET", "/state")["accounts"][0]
        after = Decimal(account["balances"]["USDC"]["free"])

    assert account["open_orders"] == 0
    assert float(after - before) == pytest.approx(sum(profit for _, _, profit in trades(tmp_path)), abs=1)
