"""A twin as a process of its own, as users run it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

PROJECT_ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a-token-for-tests-only"
# Made once: every client of httpx reads the certificates of the machine, a tenth of a second of work. No connection is
# kept, so that a twin that went is not met again.
HTTP = httpx.Client(timeout=60, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass
class RunningTwin:
    """Where a twin is, how to trade with it and how to reach behind its back."""

    rest: str
    streams: str
    ws_api: str
    control: str
    accounts: list[dict[str, str]]
    process: subprocess.Popen[bytes]

    @property
    def key(self) -> str:
        return self.accounts[0]["api_key"]

    @property
    def secret(self) -> str:
        return self.accounts[0]["secret_key"]

    def account(self, name: str) -> dict[str, str]:
        return next(entry for entry in self.accounts if entry["name"] == name)

    def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Use the control API; fails the test when it refuses."""
        answer = HTTP.request(method, f"{self.control}{path}", json=body, headers={"X-Control-Token": TOKEN})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def reset(self, fixture: dict[str, Any]) -> None:
        self.accounts = self.do("POST", "/reset", fixture)["accounts"]

    def get(self, path: str, **params: Any) -> Any:
        """A public REST call."""
        answer = HTTP.get(f"{self.rest}{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about; the caller sets the limit."""
    while not condition():  # noqa: ASYNC110 - the clients under test offer callbacks, no events
        await asyncio.sleep(0.05)


def until_true(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that a process brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


@contextmanager
def running_twin(folder: Path, *options: str, fixture: dict[str, Any] | None = None) -> Iterator[RunningTwin]:
    """Start a twin on a free port; SIGTERM at the end."""
    command = [sys.executable, "-m", "simulator.main", "serve", "--port", "0", "--control-token", TOKEN, *options]
    if fixture is not None:
        file = folder / "fixture.json"
        file.write_text(json.dumps(fixture))
        command += ["--fixture", str(file)]
    log = folder / "twin.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, "COLUMNS": "200"}
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the twin did not start:\n{log.read_text()[-3000:]}"
        ready = json.loads(line)
        yield RunningTwin(
            ready["rest"], ready["streams"], ready["ws_api"], ready["control"], ready["accounts"], process
        )
    finally:
        if process.poll() is None:
            process.terminate()
        assert process.wait(60) in (0, -9), log.read_text()[-3000:]
        process.stdout.close()
        assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    """The default twin, 60 times faster than real."""
    with running_twin(tmp_path_factory.mktemp("twin"), "--speed", "60", "--seed", "7") as twin:
        yield twin


STILL: dict[str, Any] = {
    "seed": 7,
    "first_id": 1,
    "clock": {"mode": "real"},
    "market": {"kind": "still"},
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "base": "BTC",
            "quote": "USDT",
            "last_price": "50000.00",
            "bids": [["49999.99", "1"], ["49990.00", "2"]],
            "asks": [["50000.01", "1"], ["50010.00", "2"]],
        },
        {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT", "last_price": "3000.00", "bids": [["2999", "10"]],
         "asks": [["3001", "10"]]},
    ],
    "accounts": [
        {"name": "alice", "balances": {"BTC": "1", "USDT": "100000"}},
        {"name": "bob", "balances": {"BTC": "1", "USDT": "100000"}, "key_type": "ED25519"},
        {"name": "carol", "balances": {"BTC": "1", "USDT": "100000"}, "key_type": "RSA"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def still_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("still"), fixture=STILL) as twin:
        yield twin


@pytest.fixture
def still(still_process: RunningTwin) -> RunningTwin:
    """A twin where nothing trades by itself, fresh for each test."""
    still_process.reset(STILL)
    return still_process
