"""Replayed candles: every documented file form, and the same candles out as went in."""

from __future__ import annotations

import gzip
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from shared.src.domain.errors import ConfigurationError
from shared.src.market.candle_files import Recorded, read_bars
from simulator.market.intervals import MINUTE_MS
from simulator.market.replay import ReplayMarket, play_start, split_bar
from simulator.market.symbols import DEFAULT_PROFILES, Profile

START = 1_767_225_600_000
BTC = DEFAULT_PROFILES[0]
ROWS = [
    (START + index * MINUTE_MS, f"{100 + index}", f"{102 + index}", f"{99 + index}", f"{101 + index}", "4.00001")
    for index in range(200)
]


def recorded(row: tuple[int, str, str, str, str, str]) -> Recorded:
    open_ms, opened, high, low, close, volume = row
    return Recorded(open_ms, Decimal(opened), Decimal(high), Decimal(low), Decimal(close), Decimal(volume))


def text(rows: list[tuple[int, str, str, str, str, str]], *, header: str, iso: bool = False) -> str:
    def moment(ms: int) -> str:
        minutes = (ms - START) // MINUTE_MS
        return f"2026-01-01 {minutes // 60:02}:{minutes % 60:02}:00+00:00" if iso else str(ms)

    lines = [",".join((moment(row[0]), *row[1:])) for row in rows]
    return "\n".join([header, *lines] if header else lines) + "\n"


def write(folder: Path, form: str) -> Path:
    if form == "csv":
        file = folder / "bars.csv"
        file.write_text(text(ROWS, header="open_time,open,high,low,close,volume", iso=True))
    elif form == "csv.gz":
        file = folder / "bars.csv.gz"
        with gzip.open(file, "wt") as stream:
            stream.write(text(ROWS, header="timestamp,open,high,low,close,volume", iso=True))
    elif form == "zip":
        file = folder / "BTCUSDC-1m-2026-01.zip"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("BTCUSDC-1m-2026-01.csv", text([(row[0] * 1000, *row[1:]) for row in ROWS], header=""))
    else:
        file = folder / "bars.parquet"
        names = ("open_time", "open", "high", "low", "close", "volume")
        columns = list(zip(*ROWS, strict=True))
        parquet.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), file)
    return file


@pytest.mark.parametrize("form", ["csv", "csv.gz", "zip", "parquet"])
def test_every_form_of_file_is_read(tmp_path: Path, form: str) -> None:
    bars = read_bars(write(tmp_path, form))

    assert len(bars) == 200
    assert bars[0] == recorded(ROWS[0])
    assert [bar.time for bar in bars] == [row[0] for row in ROWS]


@pytest.mark.parametrize(
    "content", ["", "open_time,open\n1,2\n", "open_time,open,high,low,close,volume\nx,1,1,1,1,1\n"]
)
def test_a_file_without_candles_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"bars\.csv"):
        read_bars(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.csv"):
        read_bars(tmp_path / "nowhere.csv")


def replay(rows: list[Recorded], start: int) -> ReplayMarket:
    return ReplayMarket({"BTCUSDC": rows}, {"BTCUSDC": BTC}, start_ms=start, shift_ms=0, steps_per_minute=4)


def test_the_minutes_before_the_start_are_history_and_the_rest_is_played() -> None:
    bars = [recorded(row) for row in ROWS]
    start = START + 130 * MINUTE_MS
    market = replay(bars, start)

    history = market.history("BTCUSDC")
    assert [int(row[0]) for row in history.minutes] == [START + index * MINUTE_MS for index in range(60, 130)] or [
        int(row[0]) for row in history.minutes
    ] == [START + index * MINUTE_MS for index in range(130)]
    assert market.price("BTCUSDC") == Decimal("230.00")
    ticks = market.minute(start)
    assert [tick.price for tick in ticks] == [Decimal(price) for price in ("230", "229", "232", "231")]
    assert sum(tick.quantity for tick in ticks) == Decimal("4.00001")
    assert market.minute(START + 500 * MINUTE_MS) == []


def test_a_falling_bar_goes_high_first() -> None:
    bar = Recorded(START, Decimal(100), Decimal(103), Decimal(97), Decimal(98), Decimal(1))

    assert split_bar(bar, 1, Decimal(1), Decimal("0.01"))[0].prices == (100, 103, 97, 98)


@given(st.tuples(*[st.integers(1, 100_000) for _ in range(4)]), st.integers(0, 10**9), st.sampled_from([1, 5, 15]))
def test_minutes_made_of_a_longer_bar_add_up_to_it(prices: tuple[int, ...], volume: int, minutes: int) -> None:
    opened, close = prices[0], prices[-1]
    high, low = max(prices), min(prices)
    profile: Profile = BTC
    tick, step = profile.tick, profile.step
    bar = Recorded(START, opened * tick, high * tick, low * tick, close * tick, volume * step)

    made = split_bar(bar, minutes, tick, step)

    everything = [price for minute in made for price in minute.prices]
    assert len(made) == minutes
    assert (everything[0], max(everything), min(everything), everything[-1]) == (opened, high, low, close)
    assert sum(sum(minute.amounts) for minute in made) == volume


def test_a_recording_starts_to_play_after_its_history() -> None:
    bars = [recorded(row) for row in ROWS]

    assert play_start({"BTCUSDC": bars}) == START + 60 * MINUTE_MS
