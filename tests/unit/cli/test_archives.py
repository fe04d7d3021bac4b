"""Archives of candles as they are found: made on a Mac, with a blank line first, in capitals, off their grid, of any
interval, of symbols in any script."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from cli.main import app
from cli.offline.history_run import features_of_history
from core.features.indicators.base import IndicatorParameters
from shared.src.domain.candles import Timeframe
from shared.src.market.recorded_history import read_history

START = datetime(2024, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
HEADER = "open_time,open,high,low,close,volume"
LENGTHS = {
    **{"1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400},
    **{"6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": 86_400, "3d": 259_200, "1w": 604_800},
}


def line(time_ms: int, close: float = 2.5) -> str:
    return f"{time_ms},2.5,{close + 1},2.4,{close},100"


def lines(count: int = 40, step_ms: int = 60_000) -> list[str]:
    return [line(START_MS + index * step_ms, 2.5 + index % 5 / 100) for index in range(count)]


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def call(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


@pytest.mark.parametrize("blank", ["", "   ", ",,,,,"])
@pytest.mark.parametrize("header", [[HEADER], []], ids=["with a header", "without"])
def test_blank_lines_before_the_first_row_do_not_matter(tmp_path: Path, blank: str, header: list[str]) -> None:
    path = write(tmp_path / "AAAUSDC-1m.csv", [blank, blank, *header, *lines()])
    assert len(read_history(path, "AAAUSDC").candles) == 40


def test_a_zip_made_on_a_mac_holds_one_file(tmp_path: Path) -> None:
    path = tmp_path / "AAAUSDC-1m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/AAAUSDC-1m.csv", "\n".join(lines()))
        archive.writestr("__MACOSX/folder/._AAAUSDC-1m.csv", b"\x00\x05\x16\x07")
    assert len(read_history(path, "AAAUSDC").candles) == 40


def test_columns_in_capitals_are_the_same_in_parquet_and_csv(tmp_path: Path) -> None:
    names = ["Open Time", "OPEN", "High", "Low", "Close", "Volume"]
    rows = [row.split(",") for row in lines()]
    columns = {name: [float(row[place]) for row in rows] for place, name in enumerate(names)}
    parquet.write_table(pa.table(columns), tmp_path / "AAAUSDC-1m.parquet")
    csv = write(tmp_path / "AAAUSDC-1m.csv", [",".join(names), *lines()])
    one, other = read_history(tmp_path / "AAAUSDC-1m.parquet", "AAAUSDC"), read_history(csv, "AAAUSDC")
    assert [(bar.time, float(bar.close)) for bar in one.candles] == [
        (bar.time, float(bar.close)) for bar in other.candles
    ]


@pytest.mark.parametrize("offset_ms", [14_000, 59_999])
def test_bars_off_their_start_are_placed_there_and_counted(tmp_path: Path, offset_ms: int) -> None:
    rows = lines(20) + [line(START_MS + index * 60_000 + offset_ms) for index in range(20, 40)]
    path = write(tmp_path / "AAAUSDC-1m.csv", rows)
    history = read_history(path, "AAAUSDC")
    assert [bar.time for bar in history.candles] == [START_MS + index * 60_000 for index in range(40)]
    assert (history.moved, history.gaps, history.corrected) == (20, 0, 0)
    told = call("features", path, "--out", tmp_path / "out.csv")
    assert told.exit_code == 0, told.output
    assert "20 bars are off the start of their interval" in told.output


@pytest.mark.parametrize("interval", LENGTHS)
def test_every_interval_of_binance_is_read(tmp_path: Path, interval: str) -> None:
    path = write(tmp_path / f"AAAUSDC-{interval}-x.csv", lines(40, LENGTHS[interval] * 1000))
    history = read_history(path, "AAAUSDC")
    assert (history.timeframe.value, len(history.candles), history.gaps, history.moved) == (interval, 40, 0, 0)
    rows = list(features_of_history(history, IndicatorParameters(), {history.timeframe}))
    assert (len(rows), rows[-1].values["rsi_14"] is not None) == (40, True), "no bar starts the indicators over"


def test_months_are_read_however_long_they_are(tmp_path: Path) -> None:
    firsts = [datetime(2023 + index // 12, index % 12 + 1, 1, tzinfo=UTC) for index in range(40)]
    path = write(
        tmp_path / "AAAUSDC-1M-x.csv",
        [line(int(first.timestamp()) * 1000, 2.5 + index % 5 / 100) for index, first in enumerate(firsts)],
    )
    history = read_history(path, "AAAUSDC")
    assert (history.timeframe, len(history.candles), history.gaps) == (Timeframe.MO1, 40, 0)
    rows = list(features_of_history(history, IndicatorParameters(), {Timeframe.MO1}))
    assert rows[-1].values["rsi_14"] is not None
    assert rows[1].close_time == int((firsts[2] - timedelta(milliseconds=1)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("timeframe", "moment", "opened"),
    [
        (Timeframe.W1, datetime(2024, 1, 7, 23, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        (Timeframe.MO1, datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)),
        (Timeframe.H8, datetime(2024, 1, 1, 15, 59, tzinfo=UTC), datetime(2024, 1, 1, 8, tzinfo=UTC)),
    ],
)
def test_weeks_begin_on_monday_and_months_on_their_first_day(
    timeframe: Timeframe, moment: datetime, opened: datetime
) -> None:
    assert timeframe.open_of(int(moment.timestamp()) * 1000) == int(opened.timestamp()) * 1000


@pytest.mark.parametrize("symbol", ["币安人生USDC", "这是测试币456", "ÄÖÜUSDC", "1000SATSUSDC"])
def test_symbols_of_any_script_are_symbols(tmp_path: Path, symbol: str) -> None:
    path = write(tmp_path / f"{symbol}-1m-x.csv", lines(5))
    assert call("features", path, "--out", tmp_path / "out.csv").exit_code == 0
    other = write(tmp_path / "x.csv", lines(5))
    assert call("features", other, "--symbol", symbol, "--out", tmp_path / "out2.csv").exit_code == 0


@pytest.mark.parametrize("symbol", ["BTC/USDC", "BTC USDC", "USD", "A" * 21])
def test_other_texts_are_not(tmp_path: Path, symbol: str) -> None:
    path = write(tmp_path / "x.csv", lines(5))
    assert call("features", path, "--symbol", symbol, "--out", tmp_path / "out.csv").exit_code == 2


@pytest.mark.parametrize(
    ("content", "number"), [("A=1\nB=é\n".encode("latin-1"), 2), ("A=1\n".encode("utf-16"), 1)], ids=["latin", "utf-16"]
)
@pytest.mark.parametrize("command", ["doctor", "strategy list", "features"])
def test_a_settings_file_that_is_not_in_utf8_is_named_with_its_line(
    tmp_path: Path, content: bytes, number: int, command: str
) -> None:
    file = tmp_path / "odd.env"
    file.write_bytes(content)
    arguments: list[str | Path] = [*command.split()]
    if command == "features":
        arguments += [write(tmp_path / "AAAUSDC-1m.csv", lines(5)), "--out", tmp_path / "out.csv"]
    told = call(*arguments, environment={"ROOTTRADING_ENV_FILE": str(file)})
    assert told.exit_code == 2, told.output
    assert f"odd.env, line {number}: not in UTF-8" in told.output.replace("\n", "")
