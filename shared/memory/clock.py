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
    """Implements ``Clock``: market time and wall time are the loop's and pass together, unless market time is held.

    The driver of a simulation moves time, with ``advance_to``, or with ``hold_at`` and ``pass_by``: then the market
    jumps from moment to moment, and wall time passes only while it stands. Everybody else only reads it, or sleeps.
    """

    speed = 1.0

    def __init__(self, loop: _Loop, *, start: datetime) -> None:
        self._loop = loop
        self._start_ms = to_ms(start)
        self._held_ms: int | None = None

    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        return self._passed_ms() if self._held_ms is None else self._held_ms

    def _passed_ms(self) -> int:
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

    def hold_at(self, now_ms: int) -> None:
        """Market time stands at ``now_ms`` from here on, however much wall time passes, until it is held elsewhere."""
        self._held_ms = now_ms

    async def pass_by(self, seconds: float) -> None:
        """Let wall seconds pass, and everything happen that is due before they are over."""
        await self._loop.settle(self._loop.time() + seconds)
