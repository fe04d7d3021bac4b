"""docs/indicators.md lists what is computed, no more and no less; and its example of a new indicator works as it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import core.features.detectors as detectors
from core.features.candle_columns import columns_of
from core.features.engine import HasLists, IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.features.registry import build_indicators
from core.rules.labels import LABELS
from tests.unit.core.features.market import generated

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs" / "indicators.md").read_text(encoding="utf-8")
LINES = [
    cells
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines())
    if len(cells) == 7 and cells[0].startswith("`")
]
LISTED = {cells[0].strip("`"): cells[1:] for cells in LINES}
WRITTEN = {name: indicator for indicator in build_indicators(IndicatorParameters()) for name in indicator.writes}
LISTS = {name: found for found in WRITTEN.values() if isinstance(found, HasLists) for name in found.lists()}


@cache
def bars_needed(name: str) -> int:
    column = IndicatorEngine("TEST", "1m").batch(columns_of(generated(400)))[name]
    return int(np.argmax(~np.isnan(column))) + 1


def test_every_column_is_listed_once_and_no_other() -> None:
    assert set(LISTED) == {*WRITTEN, *LISTS}
    assert len(LINES) == len(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_column_says_formula_unit_and_the_file_that_computes_it(name: str) -> None:
    formula, unit, _, by, _, code = LISTED[name]
    assert len(formula) > 10
    assert unit
    assert by in ("TA-Lib", "own")
    indicator = (WRITTEN | LISTS)[name]
    assert code == f"`{type(indicator).__module__.removeprefix('core.features.').replace('.', '/')}.py`"
    for label in LABELS.get(name, ()):
        assert label in formula


@pytest.mark.parametrize("name", [name for name, cells in LISTED.items() if cells[2] != "market"])
def test_a_column_is_known_after_as_many_bars_as_listed(name: str) -> None:
    assert LISTED[name][2] == str(bars_needed(name))


def test_what_is_stored_as_a_column_is_one_of_the_table() -> None:
    sql = (ROOT / "database" / "migrations" / "versions" / "0001_market.sql").read_text(encoding="utf-8")
    table = sql.split("CREATE TABLE analyzer_data")[1]
    stored = set(re.findall(r"(\w+) (?:DOUBLE PRECISION|BOOLEAN|VARCHAR|INTEGER|JSONB)", table))
    assert {name for name, cells in LISTED.items() if cells[4] == "column"} == stored & set(LISTED)


def test_every_detector_has_a_definition_and_its_limits() -> None:
    for file in Path(next(iter(detectors.__path__))).glob("*.py"):
        if file.name != "__init__.py":
            (row,) = [line for line in TEXT.splitlines() if f"(`detectors/{file.name}`)" in line]
            assert all(len(cell.strip()) > 10 for cell in row.strip("|").split("|")), file.name


def test_an_indicator_is_one_class_in_one_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "distance.py").write_text(example, encoding="utf-8")
    script = """
import json, sys
import core.features.indicators as indicators
indicators.__path__.append(sys.argv[1])
from core.features.engine import IndicatorEngine, columns_of
from tests.unit.core.features.market import generated
candles = generated(120)
engine = IndicatorEngine("TEST", "1m")
rows = [engine.update(candle) for candle in candles]
batch = IndicatorEngine("TEST", "1m", features=("ema_50_distance",)).batch(columns_of(candles))
print(json.dumps([rows[48]["ema_50_distance"], bool(rows[-1]["ema_50_distance"] == batch["ema_50_distance"][-1])]))
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(run.stdout) == [None, True]
