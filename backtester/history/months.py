"""Calendar months in UTC: the pieces in which histories are kept and archives are published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, order=True)
class Month:
    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def next(self) -> Month:
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def start_ms(self) -> int:
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp()) * 1000

    @property
    def end_ms(self) -> int:
        return self.next.start_ms


def month_of(time_ms: int) -> Month:
    """The month that holds a moment."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return Month(moment.year, moment.month)


def months_between(start_ms: int, end_ms: int) -> Iterator[Month]:
    """The months that hold any moment from ``start_ms`` up to and excluding ``end_ms``."""
    month = month_of(start_ms)
    while month.start_ms < end_ms:
        yield month
        month = month.next
