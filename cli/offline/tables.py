"""Rows into a Parquet or csv file, by its name; the file appears when it is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cli.exits import missing, misused
from core.rules.labels import BOOLEANS, INTEGERS, LABELS

FORMS = (".parquet", ".csv")
BATCH = 2_000
TEXTS = frozenset(
    {
        *("symbol", "timeframe", "strategy", "family", "side", "level", "reason", "filter", "id", "votes"),
        *("support_levels", "resistance_levels"),
    }
)


def check_out(path: Path, read: Sequence[Path] = ()) -> Path:
    """The file to write, before the work begins; never one of those that are read.

    Raises:
        CommandError: the name says no known form, or is that of a folder or of a file that is read (2), or its folder
            does not exist (3).
    """
    path = path.expanduser()
    if path.suffix.lower() not in FORMS:
        raise misused(f"--out {path.name}: the form is not known", f"a name that ends in {' or '.join(FORMS)}")
    if path.is_dir():
        raise misused(f"--out {path}: it is a folder", "the name of a file")
    if not path.parent.is_dir():
        raise missing(f"--out: there is no folder {path.parent}", f"mkdir -p {path.parent}")
    if any(path.exists() and file.expanduser().exists() and path.samefile(file.expanduser()) for file in read):
        raise misused(f"--out {path.name}: it would replace the file that is read", "another name")
    return path


class TableWriter:
    """Writes rows of the columns given; times as UTC, prices as numbers, lists as JSON."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        # pyarrow takes long to import; most commands write no table
        import pyarrow as pa

        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._schema = pa.schema([(name, _type(pa, name)) for name in columns])
        self._batch: list[dict[str, Any]] = []
        self._writer: Any = None
        self.rows = 0

    def __enter__(self) -> Self:
        try:
            self._writer = self._open()
        except OSError as error:
            raise misused(f"--out: cannot write {self._path}: {error}") from error
        return self

    def _open(self) -> Any:
        if self._path.suffix.lower() == ".parquet":
            from pyarrow import parquet

            return parquet.ParquetWriter(self._part, self._schema, compression="zstd")
        from pyarrow import csv

        return csv.CSVWriter(self._part, self._schema, write_options=csv.WriteOptions(quoting_style="needed"))

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one row; columns it does not have stay empty."""
        self._batch.append({name: _value(row.get(name)) for name in self._schema.names})
        self.rows += 1
        if len(self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._batch:
            self._writer.write_table(pa.Table.from_pylist(self._batch, schema=self._schema))
            self._batch.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def _type(pa: Any, name: str) -> Any:
    if name == "time":
        return pa.timestamp("ms", tz="UTC")
    if name in LABELS or name in TEXTS:
        return pa.string()
    if name in BOOLEANS or name == "accepted":
        return pa.bool_()
    return pa.int64() if name in INTEGERS or name == "votes_count" else pa.float64()


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return json.dumps(value)
    return value
