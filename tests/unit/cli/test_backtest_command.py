"""backtest: a folder that is complete or not there, and an error that says what is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.offline.strategy_check import generated
from shared.src.domain.candles import Timeframe

FILES = {"report.json", "trades.csv", "equity.csv", "report.html"}


def call(folder: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["backtest", "--data-dir", str(folder / "data"), *map(str, arguments)])


def written(folder: Path, symbol: str = "BTCUSDC", *, without: slice | None = None) -> Path:
    history = next(each for each in generated(Timeframe.M1) if each.symbol == symbol)
    rows = [f"{c.time},{c.open},{c.high},{c.low},{c.close},{c.volume}" for c in history.candles]
    if without is not None:
        del rows[without]
    path = folder / f"{symbol}-1m-2026.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def report(folder: Path, out: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / out / "report.json").read_text())
    return found


def test_it_writes_the_four_files(tmp_path: Path) -> None:
    result = call(tmp_path, written(tmp_path), "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    answer = json.loads(result.stdout)
    found = report(tmp_path)
    assert answer == {"ok": True, "out": str(tmp_path / "out"), **found}
    assert found["bars"] == 1500
    assert found["data"][0]["certified"] is True
    assert found["trials"] == 1


def test_the_tables_add_up_to_the_report(tmp_path: Path) -> None:
    call(tmp_path, written(tmp_path), "--out", tmp_path / "out")
    found = report(tmp_path)
    with (tmp_path / "out" / "trades.csv").open() as file:
        trades = list(csv.DictReader(file))
    with (tmp_path / "out" / "equity.csv").open() as file:
        equity = list(csv.DictReader(file))
    assert len(trades) == found["trades"]
    assert sum(float(trade["profit_loss"]) for trade in trades) == pytest.approx(float(found["net"]))
    assert len(equity) == 1500
    assert float(equity[-1]["equity"]) - 10_000 == pytest.approx(float(found["net"]), abs=0.5)


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    call(tmp_path, written(tmp_path), "--out", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "createChart" in page
    assert not [word for word in ("<script src", "<link", "@import") if word in page]
    assert len(page) < 2_000_000


def test_the_same_run_again_is_the_same_and_no_new_trial(tmp_path: Path) -> None:
    file = written(tmp_path)
    for out in ("one", "two"):
        call(tmp_path, file, "--out", tmp_path / out)
    assert (tmp_path / "one" / "trades.csv").read_bytes() == (tmp_path / "two" / "trades.csv").read_bytes()
    assert report(tmp_path, "two")["trials"] == 1


def test_another_idea_on_the_same_data_is_another_trial(tmp_path: Path) -> None:
    file = written(tmp_path)
    call(tmp_path, file, "--out", tmp_path / "one")
    call(tmp_path, file, "--out", tmp_path / "two", "--strategies", "Donchian_Breakout,Pump_Dump_Pattern")
    found = report(tmp_path, "two")
    assert found["trials"] == 2
    assert {name for name, each in found["strategies"].items() if each["votes"]} <= {
        "Donchian_Breakout",
        "Pump_Dump_Pattern",
    }


REFUSED = {
    "no such file": (["XRPUSDC-1m.csv"], 3),
    "an unknown strategy": (["{file}", "--strategies", "Nobody"], 2),
    "a capital that is none": (["{file}", "--capital", "-1"], 2),
    "a fee that is no number": (["{file}", "--fee", "much"], 2),
    "a fee that is no share": (["{file}", "--fee", "0.1"], 2),
    "a time that is none": (["{file}", "--from", "yesterday"], 2),
    "no time at all": (["{file}", "--from", "2030-01-01"], 2),
    "a symbol without a quote asset": (["{file}", "--symbol", "ABCDEFG"], 2),
}


@pytest.mark.parametrize(("arguments", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_run_is_refused_and_nothing_is_written(tmp_path: Path, arguments: list[str], code: int) -> None:
    file = str(written(tmp_path))
    result = call(tmp_path, *(argument.format(file=file) for argument in arguments), "--out", tmp_path / "out")
    assert result.exit_code == code, result.output
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_data_that_proves_nothing_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    file = written(tmp_path, without=slice(500, 700))
    refused = call(tmp_path, file, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert "missing" in refused.output
    assert not (tmp_path / "out").exists()
    assert call(tmp_path, file, "--out", tmp_path / "out", "--uncertified").exit_code == 0
    assert report(tmp_path)["data"][0]["certified"] is False


def test_a_folder_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "out").write_text("a file")
    assert call(tmp_path, file, "--out", tmp_path / "out").exit_code == 2
    assert (tmp_path / "out").read_text() == "a file"
