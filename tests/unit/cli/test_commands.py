"""The command line itself: names, shared options, exit codes, errors that name their cause."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

NAMES = (
    *("demo", "up", "down", "restart", "status", "logs", "doctor", "db", "token", "strategy", "simulator"),
    *("features", "signals", "decisions", "backtest", "optimize", "data", "chaos"),
)
LATER = ("lookahead", "audit")


def call(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_help_lists_what_works_and_nothing_that_comes_later() -> None:
    text = call("--help").stdout
    assert all(name in text for name in NAMES)
    assert not [name for name in LATER if f" {name} " in text]


@pytest.mark.parametrize(
    "path", [["demo"], ["up"], ["status"], ["chaos"], ["logs"], ["db", "url"], ["token", "create"]]
)
def test_every_command_has_help_with_an_example(path: list[str]) -> None:
    answer = call(*path, "--help")
    assert answer.exit_code == 0
    assert "Example:" in answer.stdout
    assert "--data-dir" in answer.stdout


@pytest.mark.parametrize("before", [True, False])
def test_shared_options_are_taken_before_and_after_the_command(tmp_path: Path, before: bool) -> None:
    shared = ["--json", "--data-dir", str(tmp_path)]
    answer = call(*shared, "status") if before else call("status", *shared)
    document = json.loads(answer.stdout)
    assert document["services"]["gateway"]["state"] == "stopped"
    assert answer.exit_code == 1


def test_status_has_the_documented_shape_when_nothing_runs(tmp_path: Path) -> None:
    document = json.loads(call("status", "--json", "--data-dir", str(tmp_path)).stdout)
    assert len(document["services"]) == 9
    assert set(document["stack"]) == {"postgres", "redis", "kafka", "exchange"}
    assert document["mode"] == "paper"


def test_an_unknown_mode_is_refused_and_its_variable_named(tmp_path: Path) -> None:
    answer = call("demo", "--data-dir", str(tmp_path), environment={"TRADING_MODE": "bold"})
    assert answer.exit_code == 2
    assert "TRADING_MODE" in answer.stderr


def test_live_mode_without_keys_is_refused_and_the_keys_named(tmp_path: Path) -> None:
    answer = call("up", "--data-dir", str(tmp_path), environment={"TRADING_MODE": "live"})
    assert answer.exit_code == 2
    assert "BINANCE_API_KEY" in answer.stderr


def test_the_demo_never_trades_live(tmp_path: Path) -> None:
    live = {
        "TRADING_MODE": "live",
        "BINANCE_API_KEY": "k",
        "BINANCE_SECRET_KEY": "s",
        "TRADING_ENABLED": "true",
        "MAX_POSITION_SIZE": "10",
        "MAX_DAILY_LOSS": "10",
    }
    answer = call("demo", "--data-dir", str(tmp_path), environment=live)
    assert answer.exit_code == 2
    assert "never touches real money" in answer.stderr


def test_a_malformed_symbol_list_is_refused(tmp_path: Path) -> None:
    answer = call("up", "--data-dir", str(tmp_path), environment={"TRADING_SYMBOLS": "BTC/USDC"})
    assert answer.exit_code == 2
    assert "TRADING_SYMBOLS" in answer.stderr


def test_errors_are_json_too_when_json_is_asked_for(tmp_path: Path) -> None:
    answer = call("demo", "--duration", "-1", "--json", "--data-dir", str(tmp_path))
    document = json.loads(answer.stdout)
    assert document["ok"] is False
    assert "--duration" in document["error"]
    assert document["exit_code"] == answer.exit_code == 2


@pytest.mark.parametrize("arguments", [["restart", "trader"], ["logs"], ["db", "url"], ["token", "list"]])
def test_asking_about_what_does_not_run_says_what_to_start(tmp_path: Path, arguments: list[str]) -> None:
    answer = call(*arguments, "--data-dir", str(tmp_path))
    assert answer.exit_code == 3
    assert "roottrading up" in answer.stderr


def test_a_service_that_does_not_exist_is_a_wrong_use(tmp_path: Path) -> None:
    answer = call("restart", "tradr", "--data-dir", str(tmp_path))
    assert answer.exit_code == 2
    assert "trader" in answer.stderr


def test_down_is_at_peace_when_nothing_runs(tmp_path: Path) -> None:
    answer = call("down", "--json", "--data-dir", str(tmp_path))
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == {"ok": True, "stopped": False}


def test_an_unknown_option_is_a_wrong_use() -> None:
    assert call("demo", "--frobnicate").exit_code == 2


def test_doctor_says_what_to_do_about_each_finding(tmp_path: Path) -> None:
    answer = call(
        "doctor", "--json", "--data-dir", str(tmp_path), environment={"BINANCE_REST_URL": "http://127.0.0.1:9"}
    )
    document = json.loads(answer.stdout)
    assert {"python", "postgresql", "redis", "disk", "ports", "settings", "exchange"} <= {
        check["name"] for check in document["checks"]
    }
    assert all(check["remedy"] for check in document["checks"] if check["level"] != "ok")


def test_doctor_fails_on_a_setting_that_makes_no_sense(tmp_path: Path) -> None:
    answer = call("doctor", "--json", "--data-dir", str(tmp_path), environment={"PGPORT": "many"})
    assert answer.exit_code == 1
    assert "PGPORT" in answer.stdout


def test_strategies_are_listed_with_their_files() -> None:
    answer = call("strategy", "list", "--json")
    assert answer.exit_code == 0
    assert len(json.loads(answer.stdout)["strategies"]) >= 5


def test_a_broken_strategy_file_is_named_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def oops(:\n")
    answer = call("strategy", "list", "--json", environment={"STRATEGIES_DIR": str(tmp_path)})
    refused = json.loads(answer.stdout)["refused"]
    assert answer.exit_code == 1
    assert "broken.py" in refused[0]["file"]
    assert "SyntaxError" in refused[0]["error"]
