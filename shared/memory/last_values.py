"""The newest values in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from math import inf

from shared.src.bus.ports import LastValue
from shared.src.domain.clock import Clock


class MemoryLastValues:
    """Implements ``shared.src.bus.ports.LastValues``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[float, bytes]] = {}  # until when it is known (wall seconds), what

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        return [self._known(name) for name in names]

    async def matching(self, pattern: str) -> dict[str, bytes]:
        known = ((name, self._known(name)) for name in sorted(self._values) if fnmatchcase(name, pattern))
        return {name: value for name, value in known if value is not None}

    async def put(self, values: Iterable[LastValue]) -> None:
        now = self._clock.monotonic()
        for each in values:
            self._values[each.name] = (inf if each.keep_s is None else now + each.keep_s, each.value)

    def _known(self, name: str) -> bytes | None:
        until, value = self._values.get(name, (-inf, b""))
        return value if self._clock.monotonic() < until else None
