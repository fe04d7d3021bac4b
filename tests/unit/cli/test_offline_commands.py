"""features, signals, decisions, strategy new and check: the live classes over a file, nothing else."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from cli.main import app
from cli.offline.history_run import feature_row, features_of_history
from core.features.indicators.base import IndicatorParameters
from core.market.series import Built, CandleSeries
from market_analyzer.src.adapters.memory_features import MemoryFeatureStore
from market_analyzer.src.data_listener import DataListener
from shared.memory.bus import InMemoryBus
from shared.memory.candles import MemoryCandleStore
from shared.memory.features import MemoryFeatureTable
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.market import CandleMessage, FeatureFrame
from shared.src.domain.candles import STORED_TIMEFRAMES, Candle, Timeframe
from shared.src.market.recorded_history import read_history
from tests.unit.core.features.market import Bar, generated

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "tests" / "unit" / "analyzer" / "guide" / "bollinger_bands.py.txt"
RECORDED = ROOT.parent / "shared" / "data" / "klines" / "BTCUSDC-1m-2023-03.csv.gz"
BARS = generated(900)
ALL = frozenset(STORED_TIMEFRAMES)


def call(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def archive_line(bar: Bar, unit: int = 1) -> str:
    """A row of Binance's archive; microseconds with ``unit`` 1000."""
    times = (bar.time * unit, (bar.time + 60_000) * unit - 1)
    quote = bar.close * bar.volume
    values = (times[0], bar.open, bar.high, bar.low, bar.close, bar.volume, times[1], quote, 7, bar.volume / 2, 0, 0)
    return ",".join(map(str, values))


def write(folder: Path, name: str = "BTCUSDC-1m-2026.csv", bars: Sequence[Bar] = BARS, unit: int = 1) -> Path:
    text = "\n".join(archive_line(bar, unit) for bar in bars) + "\n"
    path = folder / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name.replace(".zip", ".csv"), text)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return found
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


class Published:
    """Keeps the frames that it is given."""

    def __init__(self) -> None:
        self.frames: list[FeatureFrame] = []

    async def publish_many(self, _: object, frames: list[FeatureFrame]) -> None:
        self.frames += frames

    async def confirm(self) -> None:
        """Nobody else has the candles."""


async def live(candles: Sequence[Candle]) -> list[FeatureFrame]:
    """What the running market_analyzer publishes for these candles."""
    published: Any = Published()
    stored = MemoryCandleStore()
    listener = DataListener(
        bus=InMemoryBus(),
        clock=ManualClock(),
        candles=stored,
        store=MemoryFeatureStore(MemoryFeatureTable(stored)),
        warmup=500,
        parameters=IndicatorParameters(),
    )
    for candle in candles:
        message = CandleMessage.of(candle, source="stream", occurred_at_ms=candle.close_time)
        await listener.on_candles([message], published)
    frames: list[FeatureFrame] = published.frames
    return frames


async def test_features_are_those_the_running_service_publishes_bar_by_bar_in_every_time_frame(tmp_path: Path) -> None:
    history = read_history(write(tmp_path), "BTCUSDC")
    offline = list(features_of_history(history, IndicatorParameters(), ALL))
    series = CandleSeries("BTCUSDC")
    candles = [built for candle in history.candles for built in published_of(series, candle)]
    running = await live(candles)
    assert {frame.timeframe for frame in offline} == ALL - {Timeframe.D1}
    assert [(frame.timeframe, frame.time, frame.values) for frame in offline] == [
        (frame.timeframe, frame.time, frame.values) for frame in running
    ]


def published_of(series: CandleSeries, candle: Candle) -> tuple[Candle, ...]:
    built = series.append(candle)
    assert isinstance(built, Built)
    return built.candles


async def test_behind_a_gap_indicators_start_over_as_they_do_live(tmp_path: Path) -> None:
    history = read_history(write(tmp_path, bars=[*BARS[:300], *BARS[307:600]]), "BTCUSDC")
    offline = list(features_of_history(history, IndicatorParameters(), {Timeframe.M1}))
    assert history.gaps == 1
    assert [frame.values for frame in offline] == [frame.values for frame in await live(history.candles)]
    assert offline[300].values["rsi_14"] is None


@pytest.mark.parametrize("name", ["BTCUSDC-1m.csv", "BTCUSDC-1m.csv.gz", "BTCUSDC-1m.zip"])
@pytest.mark.parametrize("unit", [1, 1000])
def test_every_form_of_the_archive_gives_the_same_candles(tmp_path: Path, name: str, unit: int) -> None:
    history = read_history(write(tmp_path, name, BARS[:50], unit), "BTCUSDC")
    assert history == read_history(write(tmp_path, bars=BARS[:50]), "BTCUSDC")
    assert float(history.candles[3].close) == BARS[3].close
    assert history.candles[3].number_of_trades == 7


def test_features_are_equal_in_parquet_and_csv_and_unknown_ones_are_empty(tmp_path: Path) -> None:
    file = write(tmp_path, bars=BARS[:200])
    outs = [tmp_path / "features.parquet", tmp_path / "features.csv"]
    for out in outs:
        answer = call("features", file, "--symbol", "BTCUSDC", "--out", out, "--json")
        assert answer.exit_code == 0, answer.output
        assert json.loads(answer.stdout)["rows"] == 200
    binary, text = map(rows_of, outs)
    expected = [
        feature_row(frame)
        for frame in features_of_history(read_history(file, "BTCUSDC"), IndicatorParameters(), {Timeframe.M1})
    ]
    assert list(binary[0]) == list(text[0]) == list(expected[0])
    assert binary[0]["rsi_14"] is None
    assert text[0]["rsi_14"] == ""
    for stored, written, row in zip(binary, text, expected, strict=True):
        assert stored["time"] == row["time"] == datetime.fromisoformat(written["time"])
        for name, value in row.items():
            if isinstance(value, float):
                assert stored[name] == value == float(written[name])
            elif isinstance(value, list):
                assert json.loads(stored[name]) == value == json.loads(written[name])
            else:
                assert stored[name] == value


def test_what_features_wrote_can_be_read_as_candles_again(tmp_path: Path) -> None:
    file, out = write(tmp_path, bars=BARS[:60]), tmp_path / "BTCUSDC-1m.parquet"
    assert call("features", file, "--out", out).exit_code == 0
    again = read_history(out, "BTCUSDC")
    closes = [candle.close for candle in read_history(file, "BTCUSDC").candles]
    assert [candle.close for candle in again.candles] == closes


def decisions(folder: Path, bars: Sequence[Bar], *more: Path) -> list[dict[str, Any]]:
    file, out = write(folder, bars=bars), folder / "decisions.csv"
    answer = call("decisions", file, *more, "--out", out)
    assert answer.exit_code == 0, answer.output
    return rows_of(out)


@pytest.mark.parametrize("cut", [137, 400, 651])
def test_a_file_cut_anywhere_gives_the_same_decisions_up_to_the_cut(tmp_path: Path, cut: int) -> None:
    whole = decisions(tmp_path, BARS[:700])
    part = decisions(tmp_path, BARS[:cut])
    assert part
    assert part == whole[: len(part)]
    last = datetime.fromtimestamp(BARS[cut].time / 1000, UTC)
    assert all(datetime.fromisoformat(row["time"]) >= last or row["timeframe"] != "1m" for row in whole[len(part) :])


def test_decisions_of_two_symbols_have_the_votes_of_signals_behind_them(tmp_path: Path) -> None:
    other = write(tmp_path, "ETHUSDC-1m.csv.gz", generated(500, seed=11))
    rows = decisions(tmp_path, BARS[:500], other)
    assert {row["symbol"] for row in rows} == {"BTCUSDC", "ETHUSDC"}
    assert {row["accepted"] for row in rows} == {"true", "false"}
    assert {row["timeframe"] for row in rows} == {"1m", "5m", "15m"}
    out = tmp_path / "signals.csv"
    assert call("signals", other, tmp_path / "BTCUSDC-1m-2026.csv", "--out", out).exit_code == 0
    voted = {
        (row["time"], row["timeframe"], row["strategy"]): row["side"]
        for row in rows_of(out)
        if row["symbol"] == "ETHUSDC"
    }
    behind = {
        (row["time"], row["timeframe"], vote["strategy"]): vote["side"]
        for row in rows
        if row["symbol"] == "ETHUSDC"
        for vote in json.loads(row["votes"])
    }
    assert voted == behind
    refused = [row for row in rows if row["accepted"] == "false"]
    assert all(row["reason"] for row in refused)


def test_signals_have_the_documented_columns(tmp_path: Path) -> None:
    out = tmp_path / "signals.parquet"
    assert call("signals", write(tmp_path, bars=BARS[:400]), "--out", out).exit_code == 0
    rows = rows_of(out)
    names = {"time", "strategy", "side", "strength", "confidence", "price", "stop_loss", "take_profit"}
    assert names <= set(rows[0])
    assert all(0 <= row["strength"] <= 1 and row["side"] in ("BUY", "SELL") for row in rows)


def test_bars_of_five_minutes_are_decided_on_their_own_frame_and_those_above(tmp_path: Path) -> None:
    bars = generated(600, timeframe="5m")
    out = tmp_path / "signals.parquet"
    assert call("signals", write(tmp_path, "SOLUSDT-5m.csv", bars), "--out", out).exit_code == 0
    assert {row["timeframe"] for row in rows_of(out)} == {"5m", "15m"}


def test_a_recording_with_a_header_is_read(tmp_path: Path) -> None:
    if not RECORDED.exists():
        pytest.skip(f"recorded market {RECORDED} is not here; generated candles cover the same")
    with gzip.open(RECORDED, "rt") as lines:
        part = "".join(line for line, _ in zip(lines, range(301), strict=False))
    file, out = tmp_path / RECORDED.name.removesuffix(".gz"), tmp_path / "features.csv"
    file.write_text(part)
    assert call("features", file, "--out", out).exit_code == 0
    assert len(rows_of(out)) == 300


BAD = archive_line(BARS[2])


@pytest.mark.parametrize(
    "line",
    [
        BAD.replace(str(BARS[2].close), "many"),
        BAD.replace(str(BARS[2].high), "0.5"),
        BAD.replace(str(BARS[2].volume), "-1"),
        BAD.replace(str(BARS[2].low), "nan"),
        f"x{BAD}",
        str(BARS[2].time),
    ],
)
def test_a_malformed_row_is_refused_by_its_line_and_nothing_is_written(tmp_path: Path, line: str) -> None:
    file, out = write(tmp_path, bars=BARS[:9]), tmp_path / "out.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], line, *lines[3:]]))
    answer = call("features", file, "--out", out)
    assert answer.exit_code == 2
    assert f"{file.name}, line 3:" in answer.stderr
    assert not out.exists()


def test_wrong_use_and_what_is_missing_have_their_exit_codes(tmp_path: Path) -> None:
    file, out = write(tmp_path, bars=BARS[:9]), tmp_path / "out.csv"
    nameless = write(tmp_path, "candles.csv", BARS[:9])
    assert call("features", tmp_path / "none-1m.csv", "--symbol", "BTCUSDC", "--out", out).exit_code == 3
    assert call("features", file, "--out", tmp_path / "none" / "out.csv").exit_code == 3
    assert call("features", file, "--out", tmp_path / "out.xlsx").exit_code == 2
    (tmp_path / "folder.csv").mkdir()
    assert call("features", file, "--out", tmp_path / "folder.csv").exit_code == 2
    assert call("features", nameless, "--out", out).exit_code == 2
    assert call("features", file, "--symbol", "BTC/USDC", "--out", out).exit_code == 2
    assert call("decisions", file, nameless, "--symbol", "BTCUSDC", "--out", out).exit_code == 2
    assert call("decisions", file, file, "--out", out).exit_code == 2
    (tmp_path / "EMPTY-1m.csv").write_text("")
    assert call("signals", tmp_path / "EMPTY-1m.csv", "--out", out).exit_code == 2
    parquet.write_table(pa.table({"open_time": [1, 2], "open": [1.0, 2.0]}), tmp_path / "HALFUSDC-1m.parquet")
    assert call("signals", tmp_path / "HALFUSDC-1m.parquet", "--out", out).exit_code == 2
    assert not out.exists()


def test_the_file_that_is_read_is_never_written_over(tmp_path: Path) -> None:
    file = write(tmp_path, bars=BARS[:9])
    before = file.read_bytes()
    for name in ("features", "signals", "decisions"):
        answer = call(name, file, "--out", tmp_path / "." / file.name)
        assert (answer.exit_code, file.read_bytes()) == (2, before), name
        assert "would replace the file that is read" in answer.stderr


def test_of_rows_that_differ_about_a_bar_the_last_counts_and_they_are_named(tmp_path: Path) -> None:
    file, out = write(tmp_path, bars=BARS[:9]), tmp_path / "features.csv"
    corrected = archive_line(replace(BARS[3], volume=12.5))
    file.write_text("\n".join([file.read_text().strip(), corrected, archive_line(BARS[5])]))
    answer = call("features", file, "--out", out)
    assert answer.exit_code == 0
    assert [float(row["volume"]) for row in rows_of(out)][2:5] == [BARS[2].volume, 12.5, BARS[4].volume]
    assert "1 rows repeat a bar with other numbers" in answer.stderr


@pytest.mark.parametrize(
    ("name", "timeframe"), [("BTCUSDC-5m-x.csv", "5m"), ("BTCUSDC-1h-x.csv", "1h"), ("BTCUSDC-x.csv", "1m")]
)
def test_a_single_bar_is_of_the_time_frame_that_its_file_is_named_after(
    tmp_path: Path, name: str, timeframe: str
) -> None:
    first = next(bar for bar in BARS if bar.time % 3_600_000 == 0)
    assert read_history(write(tmp_path, name, [first]), "BTCUSDC").timeframe == timeframe


def test_the_guides_strategy_passes_the_check_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "bollinger_bands.py"
    file.write_text(GUIDE.read_text())
    answer = call("strategy", "check", file, "--json")
    assert answer.exit_code == 0, answer.output
    (found,) = json.loads(answer.stdout)["strategies"]
    assert (found["name"], found["failures"]) == ("Bollinger_Bands", [])
    assert found["signals"]["BUY"] > 0
    assert found["signals"]["SELL"] > 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
        ("x = 1\n", "defines no strategy"),
        (
            "from .base_strategy import BaseStrategy\n"
            "class Hasty(BaseStrategy):\n"
            "    name = 'Hasty'\n"
            "    def generate_signal(self, market_data): return {'side': market_data['nothing']}\n",
            "KeyError",
        ),
    ],
)
def test_a_strategy_that_does_not_work_is_refused_with_its_error(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    answer = call("strategy", "check", file)
    assert answer.exit_code == 1
    assert why in answer.stdout
    assert call("strategy", "check", tmp_path / "none.py").exit_code == 3


def test_a_new_strategy_works_as_it_is_written_and_is_not_written_over(tmp_path: Path) -> None:
    environment = {"STRATEGIES_DIR": str(tmp_path / "mine")}
    answer = call("strategy", "new", "MorningDip", "--json", environment=environment)
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.stdout)
    file, test = Path(document["file"]), Path(document["test"])
    assert file == tmp_path / "mine" / "morning_dip.py"
    assert call("strategy", "check", file).exit_code == 0
    assert "MorningDip" in call("strategy", "list", environment=environment).stdout
    run = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
        str(test),
    ]
    assert subprocess.run(run, cwd=ROOT, capture_output=True, check=False).returncode == 0
    file.write_text("# mine\n")
    assert call("strategy", "new", "MorningDip", environment=environment).exit_code == 2
    assert file.read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["2fast", "with-dash", "../escape", "RSI_Cross", "x"])
def test_a_name_that_cannot_be_a_strategys_is_refused(tmp_path: Path, name: str) -> None:
    answer = call("strategy", "new", name, environment={"STRATEGIES_DIR": str(tmp_path / "mine")})
    assert answer.exit_code == 2
    assert not (tmp_path / "mine").exists()


def test_signals_by_parameters_of_a_file_say_so_and_a_value_out_of_bounds_is_refused(tmp_path: Path) -> None:
    source, out, parameters = write(tmp_path), tmp_path / "votes.csv", tmp_path / "parameters.json"
    counts = []
    for values in ({}, {"oversold": 40.0, "overbought": 60.0}):
        parameters.write_text(json.dumps({"RSI_Strategy": values}))
        result = call("signals", source, "--out", out, "--parameters", parameters, environment={"INTERVAL": "1m"})
        assert result.exit_code == 0, result.output
        counts.append(sum(row["strategy"] == "RSI_Strategy" for row in csv.DictReader(out.read_text().splitlines())))
    assert counts[1] > counts[0]
    for refused, reason in (
        ({"RSI_Strategy": {"oversold": 2}}, "must be between 5 and 45"),
        ({"Nobody": {"oversold": 20}}, "there is no strategy Nobody"),
        ({"RSI_Strategy": 3}, "is not a file of parameters"),
    ):
        parameters.write_text(json.dumps(refused))
        result = call("decisions", source, "--out", out, "--parameters", parameters)
        assert result.exit_code == 2
        assert reason in " ".join(result.output.split())


PEEKS = {
    "array": "tomorrow = np.roll(close, -1) if isinstance(close, np.ndarray) else close",
    "mean": "tomorrow = np.mean(close) if isinstance(close, np.ndarray) else close",
    "age": "tomorrow = frame.prev('close', -1)",
    "other": "tomorrow = close * (1.0 if isinstance(close, np.ndarray) else 1.002)",
}


@pytest.mark.parametrize(
    ("peek", "reason"),
    [("array", "looks ahead"), ("mean", "looks ahead"), ("age", "bars ahead"), ("other", "on the bar alone")],
)
def test_a_strategy_that_peeks_is_caught_and_named(tmp_path: Path, peek: str, reason: str) -> None:
    file = tmp_path / "peek.py"
    file.write_text(
        "import numpy as np\n"
        "from .base_strategy import RuleStrategy, Verdict\n"
        "class Peek(RuleStrategy):\n"
        "    title = 'Peek'\n"
        "    def rule(self, frame):\n"
        "        close = frame['close']\n"
        f"        {PEEKS[peek]}\n"
        "        never = close < 0.0\n"
        "        return Verdict(buy=tomorrow > close * 1.0004, sell=never, strength=0.5, confidence=0.6)\n"
    )
    result = call("strategy", "check", file, "--json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["strategies"]
    assert reason in found["failures"][-1]


def test_a_strategy_that_decides_by_chance_is_caught(tmp_path: Path) -> None:
    file = tmp_path / "dice.py"
    file.write_text(
        "import random\n"
        "from .base_strategy import BaseStrategy\n"
        "class Dice(BaseStrategy):\n"
        "    name = 'Dice'\n"
        "    def generate_signal(self, market_data):\n"
        "        return {'side': 'BUY'} if random.random() < 0.1 else None\n"
    )
    result = call("strategy", "check", file, "--json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["strategies"]
    assert "does not decide the same twice" in found["failures"][-1]
