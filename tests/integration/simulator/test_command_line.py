"""``roottrading simulator``: the control API from the shell, with the options and exit codes of every command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.commands.twin import twin as commands
from cli.main import app
from tests.integration.simulator.conftest import PROJECT_ROOT, STILL, TOKEN, RunningTwin


def call(twin: RunningTwin, *arguments: str) -> Result:
    environment = {"SIMULATOR_CONTROL_URL": twin.control, "SIMULATOR_CONTROL_TOKEN": TOKEN}
    return CliRunner().invoke(commands, list(arguments), env=environment)


def answer(twin: RunningTwin, *arguments: str) -> Any:
    result = call(twin, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_shared_options_are_taken_everywhere(still: RunningTwin, place: int) -> None:
    words = ["market", "audit"]
    words[place:place] = ["--json", "--no-color", "-v", "--data-dir", "nowhere"]
    assert answer(still, *words)["ok"] is True


def test_an_account_is_opened_and_money_goes_in_and_out(still: RunningTwin) -> None:
    opened = answer(still, "account", "create", "zoe", "--balance", "USDT=5000", "--key-type", "ed25519")
    assert (opened["name"], opened["key_type"]) == ("zoe", "ED25519")
    assert answer(still, "account", "deposit", "zoe", "USDT", "1000")["free"] == "6000.00000000"
    assert answer(still, "account", "deposit", "zoe", "USDT", "-500.5")["free"] == "5499.50000000"
    names = [account["name"] for account in answer(still, "account", "list")["accounts"]]
    assert names == ["alice", "bob", "carol", "zoe"]


def test_a_fault_is_set_with_everything_it_takes_and_lifted(still: RunningTwin) -> None:
    given = ["--count", "2", "--endpoint", "POST /api/v3/order", "--symbol", "BTCUSDT", "--account", "alice"]
    rule = answer(still, "fault", "add", "late_acceptance", *given, "--seed", "3", "--param", "ms=5")
    assert (rule["count"], rule["seed"], rule["params"]["ms"]) == (2, 3, 5)
    assert rule["match"] == {"endpoint": "POST /api/v3/order", "symbol": "BTCUSDT", "account": "alice"}
    assert [row["fault"] for row in answer(still, "fault", "list")["faults"]] == ["late_acceptance"]
    assert answer(still, "fault", "remove", "--id", str(rule["id"])) == {"removed": 1}
    assert answer(still, "fault", "list")["faults"] == []


def test_the_market_is_traded_halted_and_shown(still: RunningTwin) -> None:
    assert float(answer(still, "market", "trade", "BTCUSDT", "buy", "0.5")["executed"]) == 0.5
    assert answer(still, "market", "halt", "BTCUSDT")["status"] == "HALT"
    assert answer(still, "market", "show")["market_kind"] == "still"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("account deposit nobody USDT 5", "there is no account nobody"),
        ("account deposit alice USDT -500000", "alice has 100000.00000000 USDT free"),
        ("account create alice", "there is an account alice already"),
        ("account create zoe --balance USDT", "--balance takes NAME=VALUE, not 'USDT'"),
        ("fault add gremlins", "no fault 'gremlins'"),
        ("fault add answer_lost --param ms", "--param takes NAME=VALUE, not 'ms'"),
        ("market advance 5", "only a stepped clock can be advanced"),
        ("market audit --control-token wrong", "X-Control-Token"),
    ],
)
def test_what_the_twin_refuses_is_wrong_use(still: RunningTwin, words: str, says: str) -> None:
    result = call(still, *words.split(), "--json")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert (document["ok"], document["exit_code"]) == (False, 2)
    assert says in document["error"]
    assert says in result.stderr


def test_a_page_that_is_no_control_api_is_told_from_one_that_is_away(still: RunningTwin) -> None:
    assert call(still, "market", "audit", "--url", still.rest).exit_code == 2
    assert call(still, "market", "audit", "--url", "http://127.0.0.1:1").exit_code == 3
    assert call(still, "market", "audit", "--url", "nonsense").exit_code == 3


def test_an_unknown_fixture_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["simulator", "serve", "--json", "--fixture", str(tmp_path / "none.json")])
    assert result.exit_code == 2
    assert "cannot read the fixture" in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_served_twin_ends_in_good_order(tmp_path: Path, number: int, code: int) -> None:
    fixture = tmp_path / "fixture.json"
    fixture.write_text(json.dumps(STILL))
    command = [sys.executable, "-m", "cli.main", "simulator", "serve", "--port", "0", "--fixture", str(fixture)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    assert set(line) == {"rest", "streams", "ws_api", "control", "control_token", "accounts"}
    assert (process.returncode, rest) == (code, b"")
    assert b"Traceback" not in errors
