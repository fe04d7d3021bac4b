"""Histories on disk: a Parquet file for each month of a symbol and time frame, and the certificate of the set.

A file appears when it is complete, so an interrupted download leaves whole months behind and goes on with the next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from backtester.history.bars import AMOUNTS, COLUMNS, Bars
from backtester.history.certificate import UNTOUCHED, Certificate, ReadingNotes, examine
from backtester.history.months import Month, month_of
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import ConfigurationError

CERTIFICATE = "certificate.json"
# "1m" and "1M" are one name where the file system does not tell capitals apart; Binance's archive says 1mo too.
FOLDERS = {Timeframe.MO1: "1mo"}
COMPLETE = b"complete"
SCHEMA = pa.schema(
    [("time", pa.int64()), ("number_of_trades", pa.int64()), *((name, pa.float64()) for name in AMOUNTS)]
)


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition changed: bars that are new, and bars that were told otherwise before (the later counts)."""

    new: int = 0
    changed: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(self.new + other.new, self.changed + other.changed)


NOTHING = Added()


class HistoryStore:
    """All histories below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def sets(self) -> list[tuple[str, Timeframe]]:
        """The symbols and time frames that are kept, in order."""
        names = {folder: frame for frame, folder in FOLDERS.items()}
        found = []
        for folder in sorted(self._root.glob("*/*")):
            frame = names.get(folder.name) or next((item for item in Timeframe if item.value == folder.name), None)
            if frame is not None and any(folder.glob("*.parquet")):
                found.append((folder.parent.name, frame))
        return found

    def add(self, bars: Bars, *, complete: frozenset[Month] = frozenset()) -> Added:
        """Keep bars beside those that are kept. ``complete``: months of which nothing is missing that ever was.

        Raises:
            OSError: the disk takes no more; the months before are kept whole.
        """
        added = Added()
        for month in sorted({month_of(int(time_ms)) for time_ms in _month_edges(bars)}):
            path = self._path(bars.symbol, bars.timeframe, month)
            fresh = bars.between(month.start_ms, month.end_ms)
            kept = self._month(bars.symbol, bars.timeframe, path) if path.exists() else None
            merged, change = (fresh, Added(len(fresh))) if kept is None else _merged(kept, fresh)
            is_complete = month in complete or self.is_complete(bars.symbol, bars.timeframe, month)
            _write(path, merged, is_complete=is_complete)
            added += change
        return added

    def is_complete(self, symbol: str, timeframe: Timeframe, month: Month) -> bool:
        """Whether nothing can be added to a month any more."""
        path = self._path(symbol, timeframe, month)
        return path.exists() and COMPLETE in (parquet.read_schema(path).metadata or {})

    def complete(self, symbol: str, timeframe: Timeframe, month: Month) -> None:
        """Nothing can be added to this month any more; one without a bar stays unknown."""
        path = self._path(symbol, timeframe, month)
        if path.exists():
            _write(path, self._month(symbol, timeframe, path), is_complete=True)

    def last_ms(self, symbol: str, timeframe: Timeframe, month: Month) -> int | None:
        """The open of the last bar that is kept of a month."""
        path = self._path(symbol, timeframe, month)
        bars = self._month(symbol, timeframe, path) if path.exists() else None
        return int(bars.time[-1]) if bars is not None and len(bars) else None

    def months(self, symbol: str, timeframe: Timeframe) -> Iterator[Bars]:
        """The set in order, a month at a time: what is read need not fit into memory at once."""
        for path in sorted(self._folder(symbol, timeframe).glob("*.parquet")):
            yield self._month(symbol, timeframe, path)

    def read(self, symbol: str, timeframe: Timeframe) -> Bars:
        """The whole set.

        Raises:
            ConfigurationError: there is none.
        """
        parts = list(self.months(symbol, timeframe))
        if not parts:
            remedy = f"roottrading data download {symbol} --timeframe {timeframe}"
            raise ConfigurationError(f"there is no history of {symbol} {timeframe}: {remedy}")
        return Bars.joined(parts)

    def certify(self, symbol: str, timeframe: Timeframe, notes: ReadingNotes = UNTOUCHED) -> Certificate:
        """Examine the set and keep what was found, with the worst of what its readings noted.

        Raises:
            ConfigurationError: there is no such set.
        """
        known = self.certificate(symbol, timeframe)
        before = ReadingNotes(**known["reading"]) if known is not None else UNTOUCHED
        certificate = examine(self.read(symbol, timeframe), before.worse(notes))
        text = json.dumps(certificate.document(), indent=2, ensure_ascii=False) + "\n"
        _replace(self._folder(symbol, timeframe) / CERTIFICATE, lambda part: part.write_text(text, encoding="utf-8"))
        return certificate

    def certificate(self, symbol: str, timeframe: Timeframe) -> dict[str, Any] | None:
        """What was found when the set was examined last; None when it never was."""
        path = self._folder(symbol, timeframe) / CERTIFICATE
        if not path.exists():
            return None
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def _folder(self, symbol: str, timeframe: Timeframe) -> Path:
        return self._root / symbol / FOLDERS.get(timeframe, timeframe.value)

    def _path(self, symbol: str, timeframe: Timeframe, month: Month) -> Path:
        return self._folder(symbol, timeframe) / f"{month}.parquet"

    def _month(self, symbol: str, timeframe: Timeframe, path: Path) -> Bars:
        try:
            table = parquet.read_table(path, columns=list(COLUMNS))
        except (OSError, pa.ArrowException) as error:
            raise ConfigurationError(f"{path} cannot be read: {error} (delete it and download it again)") from error
        columns = {name: table.column(name).to_numpy() for name in COLUMNS}
        return Bars(symbol, timeframe, **columns)


def _month_edges(bars: Bars) -> list[int]:
    """One time in each month that has bars."""
    months = bars.time.astype("datetime64[ms]").astype("datetime64[M]")
    return [int(time_ms) for time_ms in bars.time[np.unique(months, return_index=True)[1]]]


def _merged(kept: Bars, fresh: Bars) -> tuple[Bars, Added]:
    """Both, each bar once: of one that both have, the fresh one counts."""
    _, here, there = np.intersect1d(kept.time, fresh.time, assume_unique=True, return_indices=True)
    differ = np.zeros(len(here), np.bool_)
    for name in COLUMNS:
        differ |= getattr(kept, name)[here] != getattr(fresh, name)[there]
    stays = np.ones(len(kept), np.bool_)
    stays[here] = False
    both = Bars.joined([kept.taken(stays), fresh])
    return both.taken(np.argsort(both.time, kind="stable")), Added(len(fresh) - len(here), int(differ.sum()))


def _write(path: Path, bars: Bars, *, is_complete: bool) -> None:
    columns = {name: getattr(bars, name) for name in COLUMNS}
    table = pa.table(columns, schema=SCHEMA.with_metadata({COMPLETE: b"1"} if is_complete else {}))
    _replace(path, lambda part: parquet.write_table(table, part, compression="zstd"))


def _replace(path: Path, write: Any) -> None:
    """A file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
