"""Keeps the results of periods: recomputed for the days that were touched, so that again changes nothing."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from portfolio.src.cycle_valuer import CycleValuer
from portfolio.src.ports import BEGINNING, CompletedCycles, PerformanceRows
from portfolio.src.waking import woken_within
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 10.0
AFTER_CYCLE_S = 0.2  # cycles end in bursts: one look for all of them
LOOK_BACK = timedelta(days=1)  # a cycle that ended before another may be written after it


class PerformanceUpdater:
    """Adds to ``core.statistics`` the looks, soon after a cycle ended and now and then, and the rows that are kept."""

    def __init__(self, rows: PerformanceRows, valuer: CycleValuer, clock: Clock) -> None:
        self._rows = rows
        self._valuer = valuer
        self._clock = clock
        self._seen: datetime | None = None
        self._last: CompletedCycles | None = None
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A cycle was completed."""
        self._wake.set()

    async def run(self) -> None:
        """Keep the results until cancelled."""
        while True:
            try:
                await self.update()
            except TransientError as error:
                logger.warning("statistics postponed", extra={"reason": str(error)})
            self._wake.clear()
            if await woken_within(self._wake, SWEEP_EVERY_S, self._clock):
                await self._clock.sleep(AFTER_CYCLE_S)

    async def update(self) -> bool:
        """Recompute the periods that hold cycles completed since the last time; False when nothing changed."""
        since = BEGINNING if self._seen is None else self._seen - LOOK_BACK
        valued = await self._valuer.update(since)
        completed = await self._rows.completed_since(since)
        if completed is None or (completed == self._last and valued is None):
            return False
        first = completed.first if valued is None else min(valued, completed.first)
        await self._rows.recompute(first, self._clock.now())
        # the next look begins a day before the last completion, so it may see less than this one did
        self._last = completed if self._seen == completed.last else None
        self._seen = completed.last
        return True
