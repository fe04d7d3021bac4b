"""Histories on disk: whole months or nothing, each bar once, the later counts."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtester.history.bars import Bars
from backtester.history.certificate import ReadingNotes
from backtester.history.months import Month, month_of, months_between
from backtester.history.store import Added, HistoryStore
from shared.src.domain.candles import DAY_MS, Timeframe
from shared.src.domain.errors import ConfigurationError
from tests.unit.backtester.history.bars import MINUTE_MS, START_MS, bars, candle, candles

DAY = 1_440


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    made = candles(3 * DAY, start_ms=START_MS + 30 * DAY_MS)  # over the end of a month
    assert store.add(bars(made)) == Added(new=3 * DAY)
    assert list(store.read("BTCUSDC", Timeframe.M1).candles()) == made
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == ["2024-01.parquet", "2024-02.parquet"]
    assert [len(month) for month in store.months("BTCUSDC", Timeframe.M1)] == [DAY, 2 * DAY]


def test_what_is_told_again_counts_once_and_the_later_counts(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.add(bars(candles(100)))
    told = replace(candle(50), close=Decimal("50000.5"))
    assert store.add(bars([told, *(candle(place) for place in range(51, 120))])) == Added(new=20, changed=1)
    kept = list(store.read("BTCUSDC", Timeframe.M1).candles())
    assert kept == [*candles(50), told, *(candle(place) for place in range(51, 120))]


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), min_size=1, max_size=6))
def test_parts_in_any_order_make_the_same_history(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int]]
) -> None:
    store = HistoryStore(tmp_path_factory.mktemp("history"))
    for start, count in parts:
        store.add(bars([candle(place) for place in range(start, start + count)]))
    places = sorted({place for start, count in parts for place in range(start, start + count)})
    kept = store.read("BTCUSDC", Timeframe.M1)
    assert kept.time.tolist() == [START_MS + place * MINUTE_MS for place in places]
    assert kept.sha256() == bars([candle(place) for place in places]).sha256()


def test_minutes_and_months_are_two_sets_on_any_file_system(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.add(bars(candles(2)))
    store.add(Bars.of_candles("BTCUSDC", Timeframe.MO1, [replace(candle(0), timeframe=Timeframe.MO1)]))
    assert store.sets() == [("BTCUSDC", Timeframe.M1), ("BTCUSDC", Timeframe.MO1)]
    assert len({path.parent.name.lower() for path in tmp_path.rglob("*.parquet")}) == 2


def test_a_symbol_in_any_script_has_its_folder(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.add(bars([candle(0, symbol="币安人生USDC")]))
    assert store.sets() == [("币安人生USDC", Timeframe.M1)]


def test_a_complete_month_stays_complete(tmp_path: Path) -> None:
    store, month = HistoryStore(tmp_path), Month(2024, 1)
    store.add(bars(candles(10)))
    assert not store.is_complete("BTCUSDC", Timeframe.M1, month)
    store.add(bars(candles(20)), complete=frozenset({month}))
    store.add(bars(candles(5)))
    assert store.is_complete("BTCUSDC", Timeframe.M1, month)


def test_the_certificate_is_kept_with_the_worst_of_the_readings(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.add(bars(candles(1_000)))
    assert store.certificate("BTCUSDC", Timeframe.M1) is None
    store.certify("BTCUSDC", Timeframe.M1, ReadingNotes(corrected=9))
    again = store.certify("BTCUSDC", Timeframe.M1)
    assert not again.is_certified
    assert store.certificate("BTCUSDC", Timeframe.M1) == json.loads(json.dumps(again.document()))


def test_there_is_no_history_of_what_was_never_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="data download ETHUSDC --timeframe 5m"):
        HistoryStore(tmp_path).read("ETHUSDC", Timeframe.M5)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.add(bars(candles(10)))
    path = next(tmp_path.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ConfigurationError, match=r"2024-01\.parquet cannot be read"):
        store.read("BTCUSDC", Timeframe.M1)


WRITE = """
import sys
from pathlib import Path
from backtester.history.store import HistoryStore
from tests.unit.backtester.history.bars import bars, candles
HistoryStore(Path(sys.argv[1])).add(bars(candles(40_000)))
"""


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.add(bars(candles(100)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-X", "pycache_prefix=/nonexistent", "-c", WRITE, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=small,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_months_follow_each_other_over_the_year() -> None:
    assert [str(month) for month in months_between(START_MS - 1, START_MS + 32 * DAY_MS)] == [
        *("2023-12", "2024-01", "2024-02"),
    ]
    assert list(months_between(START_MS, START_MS)) == []
    assert month_of(START_MS).end_ms == START_MS + 31 * DAY_MS
