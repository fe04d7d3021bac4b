"""What cannot be handled is set aside, with the reason, so that everything else goes on.

A row is set aside once, told once (log, metric, notice to the screens) and shown until it can be handled: whoever
meets it tries again each time, and the first success releases it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.src.bus.alerts import alert
from shared.src.bus.ports import Notices
from shared.src.contracts.alerts import AlertLevel
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, InvariantError, RejectedError
from shared.src.exchange.models import OddRow
from trader.src.execution import metrics
from trader.src.ports import Store

logger = logging.getLogger(__name__)

# What says of the row itself that it cannot be handled; everything else passes or is a mistake of ours.
ODD = (ContractError, RejectedError, InvariantError)
SHOWN_MAX = 5


@dataclass(slots=True)
class Attempt:
    """How the handling of one row went."""

    failed: bool = False


class Quarantine:
    """Asks the database once for what is set aside, and writes only what changes."""

    def __init__(self, store: Store, notices: Notices, clock: Clock) -> None:
        self._store = store
        self._notices = notices
        self._clock = clock
        self._reasons: dict[tuple[str, str], str] | None = None

    @asynccontextmanager
    async def guarded(self, source: str, key: str, *, symbol: str = "", content: str = "") -> AsyncIterator[Attempt]:
        """Handle one row: when that fails because of the row, it is set aside; when it works, released.

        Errors that may pass are the caller's.
        """
        attempt = Attempt()
        try:
            yield attempt
        except ODD as error:
            attempt.failed = True
            await self.put(OddRow(source, key, str(error), symbol=symbol, content=content))
        else:
            await self.release(source, key)

    async def put(self, row: OddRow) -> None:
        """Set a row aside; again for the same reason: no effect."""
        reasons = await self._known()
        if reasons.get((row.source, row.key)) == row.reason:
            return
        await self._store.set_aside(row, self._clock.now())
        reasons[row.source, row.key] = row.reason
        self._count(reasons)
        metrics.ODD_ROWS.labels(row.source).inc()
        title = f"{row.source} {row.key} is set aside, everything else goes on"
        await alert(self._notices, self._clock, source="trader", level=AlertLevel.ERROR, title=title, detail=row.reason)

    async def release(self, source: str, key: str) -> None:
        """It can be handled now."""
        reasons = await self._known()
        if (source, key) in reasons:
            await self._store.release(source, key, self._clock.now())
            del reasons[source, key]
            self._count(reasons)
            logger.info("no longer set aside", extra={"source": source, "key": key})

    async def keep(self, source: str, keys: Collection[str]) -> None:
        """Release what is not there any more: of this source only these exist."""
        gone = [key for kind, key in await self._known() if kind == source and key not in keys]
        for key in gone:
            await self.release(source, key)

    async def summary(self) -> str:
        """For /health: how much is set aside, and the first of it."""
        reasons = await self._known()
        if not reasons:
            return "nothing is set aside"
        shown = [f"{source} {key}: {reason}" for (source, key), reason in list(reasons.items())[:SHOWN_MAX]]
        return f"{len(reasons)} set aside (GET /quarantine): {'; '.join(shown)}"

    async def _known(self) -> dict[tuple[str, str], str]:
        if self._reasons is None:
            standing = [item.row for item in await self._store.quarantined() if item.released_at is None]
            self._reasons = {(row.source, row.key): row.reason for row in standing}
            self._count(self._reasons)
        return self._reasons

    def _count(self, reasons: Collection[tuple[str, str]]) -> None:
        metrics.QUARANTINED.set(len(reasons))
