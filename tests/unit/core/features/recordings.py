"""Recorded markets beside the project, where they are; a bare clone tests the same on generated candles."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from pathlib import Path

import pytest

from tests.unit.core.features.market import Bar

FOLDER = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "klines"
NAMES = (
    "ADAUSDT-1m-2025-06",
    "BTCUSDC-1m-2023-03",
    "BTCUSDT-5m-2025q2",
    "DOGEUSDT-1m-2025-06",
    "ETHUSDT-5m-2025q2",
    "SOLUSDT-5m-2025q2",
)


def recorded(name: str, bars: int | None = None) -> list[Bar]:
    """The candles of one recording, the first ``bars`` of them; skips the test where it is not there."""
    path = FOLDER / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"recorded market {path} is not here; generated candles cover the same")
    with gzip.open(path, "rt") as lines:
        reader = csv.reader(lines)
        next(reader)
        return [_bar(row) for row, _ in zip(reader, range(bars or 10**9), strict=False)]


def _bar(row: list[str]) -> Bar:
    opened, high, low, close, volume = (float(value) for value in row[1:6])
    return Bar(int(datetime.fromisoformat(row[0]).timestamp() * 1000), opened, high, low, close, volume)
