"""Everything out, nothing in: what a person asks for who wants the platform to stop now.

The halt is a row, so a panic outlives the process: whoever starts next carries it on. No entry begins under it; every
open position, an entry that still rests included, is asked for its way out, which its worker takes as after any other
exit. Repeating it changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.risk.halts import ALL, Cause, Pause
from shared.src.domain.clock import Clock
from trader.src.cycle_manager import CycleManager
from trader.src.execution.intent_handler import IntentHandler
from trader.src.ports import Store

logger = logging.getLogger(__name__)

EXIT_REASON = "panic"


@dataclass(frozen=True, slots=True)
class PanicProgress:
    """How far a panic is; ``halt`` is None when none is in force.

    ``positions``: cycles that are not flat yet. ``entries``: orders of them that may still buy.
    """

    halt: Pause | None
    positions: int
    entries: int

    @property
    def is_done(self) -> bool:
        return self.halt is not None and not self.positions


class Panic:
    """``begin`` starts it, ``carry_on`` is called again and again."""

    def __init__(self, *, store: Store, cycle_manager: CycleManager, intents: IntentHandler, clock: Clock) -> None:
        self._store = store
        self._cycle_manager = cycle_manager
        self._intents = intents
        self._clock = clock
        self._may_stand = True  # until the store was asked

    async def begin(self, reason: str) -> PanicProgress:
        """Halt entries for good, then ask every position for its way out."""
        await self._store.pause(ALL, f"panic: {reason}", self._clock.now(), cause=Cause.PANIC)
        logger.error("panic", extra={"reason": reason})
        self._may_stand = True
        # an entry that was judged before the halt was written has its cycle after this
        await self._intents.settled()
        await self.carry_on()
        return await self.progress()

    async def carry_on(self) -> None:
        """Ask for their way out the positions that nobody asked yet; nothing when no panic is in force."""
        if not self._may_stand:
            return
        if await self._halt() is None:
            self._may_stand = False
            return
        for cycle in await self._store.open_cycles():
            if not cycle.exit_reason:
                await self._store.request_exit(cycle.id, EXIT_REASON)
                self._cycle_manager.wake(cycle.id)

    async def progress(self) -> PanicProgress:
        """What is still to be done."""
        now = self._clock.now()
        facts = await self._store.risk_facts(now, approved_since=now)
        waiting = [order for order in facts.entries if order.cycle_id is not None and not order.is_done]
        return PanicProgress(await self._halt(), len(facts.cycles), len(waiting))

    async def _halt(self) -> Pause | None:
        return next((pause for pause in await self._store.pauses() if pause.cause is Cause.PANIC), None)
