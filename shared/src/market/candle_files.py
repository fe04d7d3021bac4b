"""Candles in files: Binance's archives, the same with a header, and Parquet.

A csv has Binance's twelve columns without a header (the first six are enough), or a header that names them:
``open_time`` (or ``timestamp``, ``time``), open, high, low, close, volume, and, where they were recorded, the quote
volume, the number of trades and what takers bought.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Final

from shared.src.domain.errors import ConfigurationError

# Binance's public archive of klines; microseconds since 2025
BINANCE_COLUMNS: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
PRICES: Final = ("open", "high", "low", "close", "volume")
TIME_NAMES: Final = ("open_time", "timestamp", "time")
QUOTE_NAMES: Final = ("quote_volume", "quote_asset_volume")
TRADES_NAMES: Final = ("count", "trades", "number_of_trades")
TAKER_BASE_NAMES: Final = ("taker_buy_volume", "taker_buy_base_asset_volume")
TAKER_QUOTE_NAMES: Final = ("taker_buy_quote_volume", "taker_buy_quote_asset_volume")
ZERO: Final = Decimal(0)
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One bar of a file, which says neither its symbol nor its time frame; the fields are those of ``Candle``.

    0 stands for what was not recorded. ``line`` of the file is where it stands, for messages.
    """

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_asset_volume: Decimal = ZERO
    number_of_trades: int = 0
    taker_buy_base_asset_volume: Decimal = ZERO
    taker_buy_quote_asset_volume: Decimal = ZERO
    line: int = field(default=0, compare=False)


def read_bars(path: Path) -> list[Recorded]:
    """Read a file of candles (csv, csv.gz, zip with one csv inside, Parquet), sorted by time.

    Raises:
        ConfigurationError: the file is missing, empty or not in one of these forms; a bad row is named by its line.
    """
    try:
        bars = [_bar_at(path, line, row) for line, row in _rows(path)]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, csv.Error) as error:
        raise ConfigurationError(f"cannot read candles from {path}: {error}") from error
    if not bars:
        raise ConfigurationError(f"{path} has no candles")
    bars.sort(key=lambda bar: bar.time)
    return bars


def bar_milliseconds(bars: Sequence[Recorded]) -> int | None:
    """The length of sorted bars: the commonest distance between neighbours; None for a single bar."""
    distances = Counter(after.time - before.time for before, after in pairwise(bars))
    distances.pop(0, None)
    return min(distances, key=lambda distance: (-distances[distance], distance)) if distances else None


def _bar_at(path: Path, line: int, row: Row) -> Recorded:
    try:
        return _bar(row, line)
    except KeyError as error:
        raise ConfigurationError(f"{path}, line {line}: there is no {error.args[0]}") from error
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"{path}, line {line}: {error}") from error


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """The rows of a file with their lines."""
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        # pyarrow takes long to import, and most runs read no Parquet
        from pyarrow import parquet

        for line, row in enumerate(parquet.read_table(path).to_pylist(), start=1):
            yield line, {_plain(name): value for name, value in row.items()}
        return
    lines = csv.reader(io.StringIO(_text(path), newline=""))
    header: Sequence[str] | None = None
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = BINANCE_COLUMNS
            if not _is_number(cells[0].strip()):
                header = [_plain(cell) for cell in cells]
                continue
        yield lines.line_num, dict(zip(header, cells, strict=False))


def _plain(name: str) -> str:
    """A column's name as we know it, whatever its capitals and spaces."""
    return name.strip().lower().replace(" ", "_")


def _text(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            # a Mac adds a twin of each file, whose name begins with "._"
            inside = [
                entry
                for entry in archive.namelist()
                if entry.lower().endswith(".csv") and not entry.rpartition("/")[2].startswith("._")
            ]
            if len(inside) != 1:
                raise ValueError(f"the archive has {len(inside)} csv files, not one")
            return archive.read(inside[0]).decode("utf-8-sig")
    data = path.read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8-sig")


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _bar(row: Row, line: int) -> Recorded:
    moment = _first(row, TIME_NAMES)
    if moment is None:
        raise KeyError(TIME_NAMES[0])
    opened, high, low, close, volume = (_number(row[name], name) for name in PRICES)
    trades = _first(row, TRADES_NAMES)
    return Recorded(
        _milliseconds(moment),
        opened,
        high,
        low,
        close,
        volume,
        quote_asset_volume=_optional(row, QUOTE_NAMES),
        number_of_trades=0 if trades in (None, "") else int(float(str(trades))),
        taker_buy_base_asset_volume=_optional(row, TAKER_BASE_NAMES),
        taker_buy_quote_asset_volume=_optional(row, TAKER_QUOTE_NAMES),
        line=line,
    )


def _first(row: Row, names: Sequence[str]) -> object:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _optional(row: Row, names: Sequence[str]) -> Decimal:
    value = _first(row, names)
    return ZERO if value in (None, "") else _number(value, names[0])


def _number(value: object, name: str) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise ValueError(f"{name}: {value!r} is not a number") from error
    if not number.is_finite():
        raise ValueError(f"{name}: {value!r} is not a finite number")
    return number


def _milliseconds(moment: object) -> int:
    """Epoch seconds, ms or us (told apart by size), a datetime, or its ISO form; times without a zone are UTC."""
    text = moment.isoformat() if isinstance(moment, datetime) else str(moment).strip()
    if _is_number(text):
        number = int(float(text))
        if number >= 10**14:
            return number // 1000
        return number if number >= 10**11 else number * 1000
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return round(parsed.timestamp() * 1000)
