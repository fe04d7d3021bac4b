"""Every column is what TA-Lib, or a textbook formula written by other means, says over the whole history."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.rules.frames import Column
from tests.bench.compare_indicators import LIMIT, compare, main
from tests.unit.core.features.market import generated
from tests.unit.core.features.textbook import TALIB, TEXTBOOK, difference, reference

PEPE = 2.0**-17
FEATURES = IndicatorEngine("TEST", "1m").features


@cache
def both(price: float) -> tuple[dict[str, Column], dict[str, Column]]:
    candles = columns_of(generated(3000, seed=3, price=price))
    return IndicatorEngine("TEST", "1m").batch(candles), reference(candles)


def test_every_column_has_a_reference_and_only_one() -> None:
    written = [name for names in TEXTBOOK for name in ([names] if isinstance(names, str) else names)]
    assert sorted([*TALIB, *written]) == sorted(FEATURES)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("price", [1.0, PEPE])
def test_column_equals_its_reference_over_the_whole_history(name: str, price: float) -> None:
    batch, expected = both(price)
    assert not np.isnan(expected[name]).all()
    assert difference(batch[name], expected[name]).max() <= (0.0 if name in TALIB else LIMIT)


def test_a_difference_is_seen_whether_in_value_or_in_what_is_unknown() -> None:
    right = np.array([np.nan, 1.0, -2.0, 0.0])
    assert difference(right.copy(), right).max() == 0.0
    assert difference(np.array([np.nan, 1.0, -2.0 + 4e-9, 0.0]), right).max() == pytest.approx(2e-9)
    assert difference(np.array([np.nan, np.nan, -2.0, 0.0]), right).max() == np.inf
    assert difference(np.array([5.0, 1.0, -2.0, 0.0]), right).max() == np.inf


def test_the_comparison_of_files_goes_over_gaps_and_says_so_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "TESTUSDC-1m.csv.gz"
    bars = [bar for index, bar in enumerate(generated(600, seed=5)) if index != 250]
    with gzip.open(file, "wt") as out:
        out.write("open_time,open,high,low,close,volume\n")
        out.writelines(f"{b.time},{b.open},{b.high},{b.low},{b.close},{b.volume}\n" for b in bars)
    assert main([str(file)]) == 0
    printed = capsys.readouterr().out
    assert "equal: 151 columns, 1 files, 599 bars" in printed
    assert compare([file], 100).bars == 100
