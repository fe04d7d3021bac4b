"""data import, certify, list and download, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.unit.backtester.history.bars import candle

MINUTES = 3_000
REFUSED_PORT = "http://127.0.0.1:1"


def line(place: int, close: str = "close") -> str:
    """A row; ``close``: the field that stands in the column of that name."""
    made = candle(place)
    return f"{made.time},{made.open},{made.high},{made.low},{getattr(made, close)},{made.volume}"


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(["open_time,open,high,low,close,volume", *lines]) + "\n")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "BTCUSDC-1m.csv", [line(place) for place in range(MINUTES)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def call(folder: Path, *arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    words = ["data", *(str(argument) for argument in arguments), "--data-dir", str(folder)]
    return CliRunner().invoke(app, words, env=environment)


def test_an_imported_file_is_kept_with_its_certificate(file: Path, folder: Path) -> None:
    done = call(folder, "import", file, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["sets"][0]
    assert (found["symbol"], found["timeframe"], found["rows"], found["certified"]) == ("BTCUSDC", "1m", MINUTES, True)
    listed = json.loads(call(folder, "list", "--json").stdout)["sets"]
    assert listed == [found]


def test_certify_judges_a_file_without_keeping_it(file: Path, folder: Path) -> None:
    done = call(folder, "certify", file, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["sets"][0]["rows"] == MINUTES
    assert json.loads(call(folder, "list", "--json").stdout)["sets"] == []


def test_the_exit_code_says_that_a_set_is_not_certified(tmp_path: Path, folder: Path) -> None:
    holed = [line(place) for place in range(MINUTES) if not 100 <= place < 200]
    done = call(folder, "certify", write(tmp_path / "BTCUSDC-1m-holes.csv", holed), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["sets"][0]["reasons"] == ["100 of 3000 bars are missing"]
    assert "not certified" in done.stderr


def test_rows_that_contradict_each_other_cost_the_certificate_for_good(tmp_path: Path, folder: Path) -> None:
    told_twice = [line(place) for place in range(MINUTES)] + [line(place, close="low") for place in range(50)]
    assert call(folder, "import", write(tmp_path / "BTCUSDC-1m-twice.csv", told_twice)).exit_code == 1
    done = call(folder, "certify", "BTCUSDC", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["sets"][0]["reading"] == {"repeated": 50, "corrected": 50, "moved": 0}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["certify", "nothing.csv"], 3, "there is no file nothing.csv"),
        (["certify"], 3, "no history is kept"),
        (["import", "nothing.csv"], 2, "does not say its symbol"),
        (["download", "b"], 2, "'B' is not a symbol"),
        (["download", "BTCUSDC", "--timeframe", "7m"], 2, "one of 1s, 1m"),
        (["download", "BTCUSDC", "--from", "soon"], 2, "--from soon: not a day"),
        (["download", "BTCUSDC", "--from", "2025-01-02", "--to", "2025-01-01"], 2, "is not before"),
        (["load", "BTCUSDC"], 3, "no history of BTCUSDC 1m"),
        (["load", "BTCUSDC", "--timeframe", "1s"], 2, "the platform stores 1m"),
    ],
)
def test_wrong_use_is_told(folder: Path, words: list[str], code: int, told: str) -> None:
    done = call(folder, *words)
    assert done.exit_code == code, done.output
    assert told in done.output


def test_an_exchange_that_does_not_answer_interrupts_the_download(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backtester.history.download.TRIES", 1)
    done = call(folder, "download", "BTCUSDC", environment={"BINANCE_REST_URL": REFUSED_PORT})
    assert done.exit_code == 3
    assert "goes on where it stopped" in done.output
