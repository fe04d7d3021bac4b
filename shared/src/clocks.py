"""The one place that reads time: real, accelerated (demo) or moved by hand from outside (stepped).

Market time and wall time run at the same pace, except where market time is accelerated or stepped: operational
deadlines must not follow it there. What the two are for stands at ``shared.src.domain.clock.Clock``.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
import time
from datetime import datetime
from pathlib import Path

from shared.src.domain.clock import from_ms

STEPPED = "stepped@"
_MARKET_MS = struct.Struct("<q")


class SystemClock:
    """Real time."""

    speed = 1.0

    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock(SystemClock):
    """Market time that left ``market_ms`` at wall time ``wall_ms`` and runs ``speed`` times as fast."""

    def __init__(self, *, speed: float, market_ms: int, wall_ms: int) -> None:
        if speed <= 0:
            raise ValueError("a clock runs forward: speed must be positive")
        self.speed = speed
        self._market_ms = market_ms
        self._wall_ms = wall_ms

    def now_ms(self) -> int:
        return self._market_ms + round((super().now_ms() - self._wall_ms) * self.speed)

    @classmethod
    def parse(cls, text: str) -> ScaledClock:
        """Read ``<speed>@<market_ms>@<wall_ms>``, the form in which processes hand a clock to each other."""
        try:
            speed, market_ms, wall_ms = text.split("@")
            return cls(speed=float(speed), market_ms=int(market_ms), wall_ms=int(wall_ms))
        except ValueError as error:
            raise ValueError(f"not a clock of the form speed@market_ms@wall_ms: {text!r}") from error


class SteppedClock(SystemClock):
    """Market time that somebody else moves: the milliseconds that a file of eight bytes says (see ``set_stepped``).

    Several processes that share the file stand at the same moment of the market, however long each of them takes.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self._memory = mmap.mmap(descriptor, _MARKET_MS.size, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)

    def now_ms(self) -> int:
        market_ms: int = _MARKET_MS.unpack(self._memory[: _MARKET_MS.size])[0]
        return market_ms


def set_stepped(path: Path, market_ms: int) -> None:
    """Move the stepped clocks that read ``path``; makes the file when it is not there.

    The eight bytes are written in one call, so a reader never sees half of a moment.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, _MARKET_MS.pack(market_ms), 0)
    finally:
        os.close(descriptor)


def parse_clock(text: str) -> SystemClock:
    """The clock of ``PLATFORM_CLOCK``: empty for real time, ``<speed>@<market_ms>@<wall_ms>``, or ``stepped@<file>``.

    Raises:
        ValueError: it is none of them, or the file is not there.
    """
    if not text:
        return SystemClock()
    if text.startswith(STEPPED):
        path = Path(text.removeprefix(STEPPED))
        if not path.is_file() or path.stat().st_size < _MARKET_MS.size:
            raise ValueError(f"there is no stepped clock in {path}")
        return SteppedClock(path)
    return ScaledClock.parse(text)
