"""Where a process can be killed: the calls by which it changes the world, by name and number, before or after each.

What a process does between two of them nobody outside can tell from doing it later, and reading changes nothing; so
these points are all there are.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast

FOLDER = "CHAOS_FOLDER"  # the environment variable that names the folder of the posts
When = Literal["before", "after"]
WRITES = re.compile(r"\b(INSERT INTO|(?<!FOR )(?<!DO )(?<!KEY )UPDATE|DELETE FROM)\s+(\w+)")


@dataclass(frozen=True, slots=True)
class Point:
    """The ``nth`` call of one name (1: the first) that a service makes while the story is played."""

    service: str
    call: str
    nth: int
    when: When

    def __str__(self) -> str:
        return f"{self.service}|{self.call}|{self.nth}|{self.when}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for what is no point."""
        parts = text.split("|")
        if len(parts) != 4 or parts[3] not in ("before", "after"):
            raise ValueError(f"{text!r} is not SERVICE|CALL|NTH|before or after")
        return cls(parts[0], parts[1], int(parts[2]), cast(When, parts[3]))


def written(statement: str) -> str:
    """What a statement writes, e.g. ``insert orders``; empty for one that only reads."""
    return ", ".join(
        dict.fromkeys(f"{verb.split()[0].lower()} {table.lower()}" for verb, table in WRITES.findall(statement))
    )


@dataclass(frozen=True, slots=True)
class Post:
    """Files by which the harness and a service's process speak: what is to be done, and what was done.

    ``order``: the point to die at, or none; ``calls``: a line for each call; ``died``: the point it died at.
    """

    folder: Path
    service: str

    @property
    def order(self) -> Path:
        return self.folder / f"{self.service}.order"

    @property
    def calls(self) -> Path:
        return self.folder / f"{self.service}.calls"

    @property
    def died(self) -> Path:
        return self.folder / f"{self.service}.died"

    def give(self, point: Point | None) -> None:
        """From now on calls are counted anew; at ``point`` the process dies, once."""
        self.calls.unlink(missing_ok=True)
        self.died.unlink(missing_ok=True)
        fresh = self.order.with_suffix(".new")
        fresh.write_text(json.dumps({"point": None if point is None else str(point)}))
        fresh.replace(self.order)

    def counted(self) -> Counter[str]:
        """How often each call was made since the last order."""
        return Counter(self.calls.read_text().splitlines()) if self.calls.exists() else Counter()


def points_of(service: str, calls: Mapping[str, int], most: int) -> list[Point]:
    """Every point of these calls; of one that is made more than ``most`` times (0: no limit), the first so many."""
    return [
        Point(service, call, nth, when)
        for call, count in sorted(calls.items())
        for nth in range(1, (min(count, most) if most else count) + 1)
        for when in cast(tuple[When, ...], ("before", "after"))
    ]
