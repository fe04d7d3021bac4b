"""What a statement answered: rows by field, by name or by their first column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from shared.src.domain.errors import InvariantError

T = TypeVar("T")


class Rows(Generic[T]):
    """The rows of one statement, all of them fetched.

    ``names``: of the columns; ``changed``: how many rows a statement inserted, updated or deleted, or selected.
    """

    __slots__ = ("_names", "_rows", "rowcount")

    def __init__(self, rows: Sequence[T], names: tuple[str, ...], *, changed: int) -> None:
        self._rows = rows
        self._names = names
        self.rowcount = changed

    def __iter__(self) -> Iterator[T]:
        return iter(self._rows)

    def all(self) -> list[T]:
        return list(self._rows)

    def one(self) -> T:
        """The only row.

        Raises:
            InvariantError: there is none, or more than one.
        """
        if len(self._rows) != 1:
            raise InvariantError(f"one row was expected, not {len(self._rows)}")
        return self._rows[0]

    def one_or_none(self) -> T | None:
        """The only row, or None without any.

        Raises:
            InvariantError: there is more than one.
        """
        return self.one() if self._rows else None

    def mappings(self) -> Rows[dict[str, Any]]:
        """Each row as a dict by the names of its columns."""
        rows = [dict(zip(self._names, _columns(row), strict=True)) for row in self._rows]
        return Rows(rows, self._names, changed=self.rowcount)

    def scalars(self) -> Rows[Any]:
        """The first column of each row."""
        return Rows([_columns(row)[0] for row in self._rows], self._names[:1], changed=self.rowcount)

    def scalar(self) -> Any:
        """The first column of the first row; None without a row."""
        return _columns(self._rows[0])[0] if self._rows else None

    def scalar_one(self) -> Any:
        """The first column of the only row.

        Raises:
            InvariantError: there is none, or more than one.
        """
        return self.scalars().one()

    def scalar_one_or_none(self) -> Any:
        """The first column of the only row; None without one.

        Raises:
            InvariantError: there is more than one.
        """
        return self.scalars().one_or_none()


def _columns(row: Any) -> tuple[Any, ...]:
    columns: tuple[Any, ...] = row
    return columns
