"""What a bus keeps between two processes, in memory: messages in order, how far each group is, who consumes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

E = TypeVar("E")

# Entries of a stream that are kept when every group has handled them: for who reads along, and for a new group. Redis
# keeps more, for people who look.
KEPT = 1_000


class MemoryStream(Generic[E]):
    """Entries in order, numbered from 1. Keeps what some group has still to handle, and the newest ``maxlen``."""

    def __init__(self, name: str, maxlen: int = KEPT) -> None:
        self.name = name
        self.end = 0  # number of the newest entry
        self._maxlen = maxlen
        self._entries: deque[E] = deque()
        self._positions: dict[str, int] = {}
        self._owners: dict[str, asyncio.Lock] = {}
        self._hearing: list[Callable[[E], None]] = []

    @property
    def begin(self) -> int:
        """Number of the last entry that is not kept any more: reading after it gives all that is kept."""
        return self.end - len(self._entries)

    def append(self, entry: E) -> None:
        self._entries.append(entry)
        self.end += 1
        self._trim()
        for hear in self._hearing:
            hear(entry)

    def read(self, after: int, count: int) -> list[tuple[int, E]]:
        """Up to ``count`` entries that follow number ``after``, oldest first."""
        start = max(after, self.begin)
        # a deque is slow in its middle, and readers are near its end
        behind = self.end - start
        newest = list(islice(reversed(self._entries), behind - min(count, behind), behind))
        return list(zip(range(start + 1, start + 1 + len(newest)), reversed(newest), strict=True))

    def position(self, group: str) -> int:
        """Number of the last entry that the group has handled; a new group begins with the oldest entry."""
        return self._positions.setdefault(group, self.begin)

    def commit(self, group: str, position: int) -> None:
        self._positions[group] = position
        self._trim()

    def owner(self, group: str) -> asyncio.Lock:
        """Held by the one process of the group that consumes: the next one comes when it has gone."""
        return self._owners.setdefault(group, asyncio.Lock())

    def on_append(self, hear: Callable[[E], None]) -> Callable[[], None]:
        """Call ``hear`` with each new entry; returns what ends that."""
        self._hearing.append(hear)
        return lambda: self._hearing.remove(hear)

    def _trim(self) -> None:
        unhandled = self.end - min(self._positions.values(), default=self.end)
        for _ in range(len(self._entries) - max(self._maxlen, unhandled)):
            self._entries.popleft()


class MemoryStreams:
    """Every stream there is, and who listens to notices; what survives a process that ends."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[str, bytes], None]] = []
        self._streams: dict[str, MemoryStream[bytes]] = {}

    def of(self, name: str) -> MemoryStream[bytes]:
        """The stream of that name, which is there from its first mention on."""
        if name not in self._streams:
            self._streams[name] = MemoryStream(name)
        return self._streams[name]
