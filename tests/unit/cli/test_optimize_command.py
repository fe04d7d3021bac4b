"""optimize, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.offline.strategy_check import generated
from shared.src.domain.candles import Timeframe

SEARCH = ("--strategies", "RSI_Cross,EMA_Cross", "--parameter", "RSI_Cross.oversold=25:40:1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    candles = generated(Timeframe.M5)[0].candles
    rows = (f"{bar.time},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}" for bar in candles)
    path = tmp_path / "BTCUSDC-5m.csv"
    path.write_text("\n".join(["open_time,open,high,low,close,volume", *rows]) + "\n")
    return path


def call(file: Path, *words: str) -> Result:
    folder = file.parent
    fixed = ["optimize", str(file), "--data-dir", str(folder / "data"), "--out", str(folder / "found"), "--jobs", "1"]
    return CliRunner().invoke(app, [*fixed, *words])


def test_the_best_is_told_with_what_it_is_worth(file: Path) -> None:
    done = call(file, *SEARCH, "--parameter", "MIN_VOTES=1:1:1", "--trials", "5", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found == {
        "ok": True,
        "out": str(file.parent / "found"),
        **json.loads((file.parent / "found/search.json").read_text()),
    }
    assert set(found["parameters"]) == {"RSI_Cross.oversold", "MIN_VOTES"}
    assert found["trials"] <= 5
    assert not found["believed"]
    assert json.loads((file.parent / "found/parameters.json").read_text()) == {
        "RSI_Cross": {"oversold": found["parameters"]["RSI_Cross.oversold"]}
    }


def test_the_same_command_goes_on_and_ends_the_same(file: Path) -> None:
    first = call(file, *SEARCH, "--trials", "4", "--json")
    again = call(file, *SEARCH, "--trials", "4", "--json")
    assert json.loads(first.stdout) == json.loads(again.stdout)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--parameter", "RSI_Cross.oversold"), "not NAME=LOW:HIGH"),
        (("--parameter", "RSI_Cross.oversold=40:20"), "is no range"),
        (("--parameter", "RSI_Cross.oversold=20:40:-1"), "goes nowhere"),
        (("--parameter", "RSI_Cross.oversold=1:40"), "between 5 and 45"),
        (("--parameter", "Nothing.oversold=1:40"), "no strategy Nothing"),
        (("--combinatorial", "6"), "not GROUPS:HELD_OUT"),
        (("--combinatorial", "2:2"), "not GROUPS:HELD_OUT"),
        (("--walk-forward", "40"), "days are too few"),
        (("--storage", "mysql://x"), "--storage mysql://x"),
        (("--trials", "0"), "trials"),
    ],
)
def test_wrong_use_is_told(file: Path, words: tuple[str, ...], told: str) -> None:
    done = call(file, "--strategies", "RSI_Cross", *(() if words[0] == "--trials" else ("--trials", "1")), *words)
    assert done.exit_code == 2, done.output
    assert told in done.output.replace("\n", " ")
    assert not (file.parent / "found").exists()
