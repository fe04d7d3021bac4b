"""The clock of a simulated event loop."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from shared.src.domain.clock import from_ms, to_ms


class _Loop(Protocol):
    """The part of ``SimulatedEventLoop`` that a clock needs."""

    def time(self) -> float: ...

    async def settle(self, until: float | None = None) -> None: ...


class SimulatedClock:
    """Implements ``Clock``: market time and wall time are the loop's, so that both jump together.

    The driver of a simulation moves time with ``advance_to``; everybody else only reads it, or sleeps.
    """

    speed = 1.0

    def __init__(self, loop: _Loop, *, start: datetime) -> None:
        self._loop = loop
        self._start_ms = to_ms(start)

    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        return self._start_ms + round(self._loop.time() * 1000)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def settle(self) -> None:
        """Wait until everything that can happen now has happened."""
        await self._loop.settle()

    async def advance_to(self, now_ms: int) -> None:
        """Let everything happen that is due before ``now_ms`` (market time); it is that time afterwards.

        Raises:
            ValueError: it is later already.
        """
        await self._loop.settle((now_ms - self._start_ms) / 1000)
