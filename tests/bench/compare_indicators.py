"""Every indicator over files of candles: bar by bar, as a batch, and by TA-Lib or a textbook formula.

    python -m tests.bench.compare_indicators ../shared/data/klines/*.csv.gz

Prints the largest relative difference of each column over all files, and exits with 1 when one is over 1e-9. Where a
file has a gap, the engine starts over behind it, as it does live. Columns of a quote volume or a number of trades that
the files do not have are unknown everywhere and marked so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.features.candle_columns import CANDLE_COLUMNS, columns_of
from core.features.engine import IndicatorEngine
from core.rules.frames import Column, numeric_row
from shared.src.domain.candles import Timeframe
from shared.src.market.candle_files import bar_milliseconds, read_bars
from tests.unit.core.features.market import Bar
from tests.unit.core.features.textbook import TALIB, difference, reference

LIMIT = 1e-9


@dataclass(slots=True)
class Found:
    """The largest differences of one column."""

    live: float = 0.0
    batch: float = 0.0
    known: int = 0


@dataclass(slots=True)
class Comparison:
    """All columns over all files."""

    columns: dict[str, Found] = field(default_factory=dict)
    bars: int = 0

    @property
    def worst(self) -> float:
        return max((max(found.live, found.batch) for found in self.columns.values()), default=0.0)

    def add(self, candles: Sequence[Bar], timeframe: str) -> None:
        """Compare one unbroken history."""
        engine = IndicatorEngine("FILE", timeframe)
        table = columns_of(candles)
        batch, expected = engine.batch(table), reference(table)
        live = one_by_one(candles, timeframe, engine.features)
        for name in engine.features:
            found = self.columns.setdefault(name, Found())
            found.live = max(found.live, float(difference(live[name], batch[name]).max()))
            found.batch = max(found.batch, float(difference(batch[name], expected[name]).max()))
            found.known += int((~np.isnan(batch[name])).sum())
        self.bars += len(candles)


def one_by_one(candles: Sequence[Bar], timeframe: str, features: Sequence[str]) -> dict[str, Column]:
    """What an engine says that sees one bar after the other, as rows of the wire say it."""
    engine = IndicatorEngine("FILE", timeframe)
    table = np.empty((len(candles), len(features)))
    for at, candle in enumerate(candles):
        row = numeric_row(engine.update(candle))
        table[at] = [row[name] for name in features]
    return {name: table[:, place] for place, name in enumerate(features)}


def histories(path: Path, bars: int | None = None) -> Iterator[tuple[list[Bar], str]]:
    """The unbroken stretches of a file, and its timeframe."""
    read = read_bars(path)[:bars]
    step = bar_milliseconds(read) or Timeframe.M1.milliseconds
    timeframe = next(frame.value for frame in Timeframe if frame.milliseconds == step)
    stretch: list[Bar] = []
    for bar in read:
        if stretch and bar.time != stretch[-1].time + step:
            if bar.time == stretch[-1].time:
                continue
            yield stretch, timeframe
            stretch = []
        opened, high, low, close = (float(price) for price in (bar.open, bar.high, bar.low, bar.close))
        volumes = float(bar.volume), float(bar.quote_asset_volume)
        stretch.append(Bar(bar.time, opened, high, low, close, *volumes, bar.number_of_trades))
    if stretch:
        yield stretch, timeframe


def compare(paths: Sequence[Path], bars: int | None = None) -> Comparison:
    """All files, or the first ``bars`` bars of each."""
    result = Comparison()
    for path in paths:
        for stretch, timeframe in histories(path, bars):
            result.add(stretch, timeframe)
    return result


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--bars", type=int, help="only the first bars of each file")
    asked = parser.parse_args(arguments)
    result = compare(asked.files, asked.bars)
    print(f"{'column':<26}{'compared with':<15}{'bar by bar / batch':>20}{'batch / reference':>20}")
    for name, found in sorted(result.columns.items()):
        if name in CANDLE_COLUMNS:
            continue
        source = "TA-Lib" if name in TALIB else "textbook"
        shown = f"{found.live:>20.1e}{found.batch:>20.1e}" if found.known else f"{'not in these files':>40}"
        print(f"{name:<26}{source:<15}{shown}")
    verdict = "equal" if result.worst <= LIMIT else "NOT EQUAL"
    counts = f"{len(result.columns)} columns, {len(asked.files)} files, {result.bars} bars"
    print(f"{verdict}: {counts}, worst {result.worst:.1e}")
    return 0 if result.worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
