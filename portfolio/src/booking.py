"""Books executions, each once. One that cannot be booked is set aside, with the reason, and holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from prometheus_client import Counter, Gauge

from core.capital.ledger import Execution
from portfolio.src.fills import UnbookableError, add_fills
from portfolio.src.pockets import PocketManager
from portfolio.src.ports import BEGINNING, CapitalStore, Unbooked
from shared.src.bus.alerts import alert
from shared.src.bus.ports import Notices
from shared.src.contracts.alerts import AlertLevel
from shared.src.domain.clock import Clock

logger = logging.getLogger(__name__)

SWEEP_MAX = 500
RECENT = timedelta(days=2)
SHOWN_MAX = 5

POSTED = Counter("roottrading_ledger_fills_posted", "executions booked")
UNBOOKED = Gauge("roottrading_ledger_unbooked_executions", "executions that cannot be booked and are set aside")


class Booking:
    """Adds to ``core.capital.ledger`` the transactions in which executions are posted, and what is set aside.

    It asks the store once for what is set aside, and writes only what changes.
    """

    def __init__(
        self, pockets: PocketManager, store: CapitalStore, notices: Notices, clock: Clock, *, quote_asset: str
    ) -> None:
        self._pockets = pockets
        self._store = store
        self._notices = notices
        self._clock = clock
        self._quote = quote_asset
        self._aside: dict[str, str] | None = None

    async def book(self, executions: Sequence[Execution]) -> list[Execution]:
        """Book what is not booked yet, together, without what cannot be; answers what was new."""
        waiting = list(executions)
        while waiting:
            try:
                async with self._pockets.posting(self._clock.now()) as ledger:
                    new = await add_fills(ledger, waiting, quote_asset=self._quote)
            except UnbookableError as error:
                await self._set_aside(error)
                waiting.remove(error.execution)
            else:
                await self._are_booked(waiting, new)
                return new
        return []

    async def sweep(self, *, full: bool) -> int:
        """Book every execution that has no posting, and settle the leases; answers how many were booked.

        ``full``: those of all time, and what is set aside is tried again.
        """
        since = BEGINNING if full else self._clock.now() - RECENT
        passed_over = set[str]() if full else set(await self._known())
        booked, more = 0, True
        while more:
            try:
                async with self._pockets.posting(self._clock.now()) as ledger:
                    found = await ledger.unposted(since=since, limit=SWEEP_MAX, without=passed_over)
                    new = await add_fills(ledger, found, quote_asset=self._quote)
            except UnbookableError as error:
                await self._set_aside(error)
                passed_over.add(error.execution.execution_id)
            else:
                await self._are_booked(found, new)
                booked, more = booked + len(new), len(found) == SWEEP_MAX
        if full:  # what is not there any more is set aside no longer
            await self._release(set(await self._known()) - passed_over)
        return booked

    async def summary(self) -> str:
        """For /health: how much is set aside, and the first of it."""
        aside = await self._known()
        if not aside:
            return "every execution is booked"
        shown = [f"{execution_id}: {reason}" for execution_id, reason in list(aside.items())[:SHOWN_MAX]]
        return f"{len(aside)} cannot be booked (GET /quarantine): {'; '.join(shown)}"

    async def quarantined(self) -> list[Unbooked]:
        """What is set aside, the newest first, and after it what was."""
        return await self._store.quarantined()

    async def _are_booked(self, executions: Sequence[Execution], new: Sequence[Execution]) -> None:
        POSTED.inc(len(new))
        for execution in new:
            logger.info("fill booked", extra={"execution_id": execution.execution_id, "symbol": execution.symbol})
        await self._release({execution.execution_id for execution in executions})

    async def _set_aside(self, error: UnbookableError) -> None:
        """Set an execution aside; again for the same reason: no effect."""
        aside, execution = await self._known(), error.execution
        if aside.get(execution.execution_id) == str(error):
            return
        await self._store.set_aside(execution.execution_id, execution.symbol, str(error), self._clock.now())
        aside[execution.execution_id] = str(error)
        UNBOOKED.set(len(aside))
        title = f"execution {execution.execution_id} cannot be booked, everything else goes on"
        await alert(
            self._notices, self._clock, source="portfolio", level=AlertLevel.ERROR, title=title, detail=str(error)
        )

    async def _release(self, execution_ids: Collection[str]) -> None:
        aside = await self._known()
        for execution_id in sorted(aside.keys() & execution_ids):
            await self._store.release(execution_id, self._clock.now())
            del aside[execution_id]
            UNBOOKED.set(len(aside))
            logger.info("no longer set aside", extra={"execution_id": execution_id})

    async def _known(self) -> dict[str, str]:
        if self._aside is None:
            standing = [item for item in await self._store.quarantined() if item.released_at is None]
            self._aside = {item.execution_id: item.reason for item in standing}
            UNBOOKED.set(len(self._aside))
        return self._aside
