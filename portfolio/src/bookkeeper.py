"""Keeps the books: fills become postings, ended intents give their funds back. Messages wake; the database decides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from decimal import Decimal

from prometheus_client import Counter

from core.capital.leases import Facts, give_back
from core.capital.pockets import Pocket, ReservationRefused, Reserved, pocket_name
from portfolio.src.booking import Booking
from portfolio.src.fills import execution_of
from portfolio.src.pockets import PocketManager
from shared.src.bus.ports import Bus
from shared.src.contracts.orders import ExecutionEvent, OrderFailed
from shared.src.contracts.portfolio import CycleUpdated, ReservationRequest
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import ENDED

logger = logging.getLogger(__name__)

GROUP = "portfolio"
SWEEP_EVERY_S = 2.0
FULL_SWEEP_EVERY = 30  # every thirtieth sweep looks at the whole history

RESERVATIONS = Counter("roottrading_pocket_reservations", "answers to reservation requests", ["answer"])


class Bookkeeper:
    """Adds to ``core.capital`` the messages, the sweeps and the transactions in which fills and leases are booked.

    It is the one writer of the ledger's fills and of the pockets. ``wake_account`` is called after fills were booked,
    ``wake_performance`` after a cycle ended.
    """

    def __init__(
        self,
        pockets: PocketManager,
        booking: Booking,
        clock: Clock,
        *,
        quote_asset: str,
        wake_account: Callable[[], None] = lambda: None,
        wake_performance: Callable[[], None] = lambda: None,
        halted: Callable[[], str | None] = lambda: None,
        sweep_every_s: float = SWEEP_EVERY_S,
    ) -> None:
        self._pockets = pockets
        self._booking = booking
        self._clock = clock
        self._quote = quote_asset
        self._wake_account = wake_account
        self._wake_performance = wake_performance
        self._halted = halted
        self._sweep_every_s = sweep_every_s

    def subscribe(self, bus: Bus) -> None:
        bus.subscribe_batch(EXECUTION, self.on_executions, group=GROUP)
        bus.subscribe(ORDER_FAILED, self.on_order_failed, group=GROUP)
        bus.subscribe_batch(CYCLE_UPDATED, self.on_cycles_updated, group=GROUP)

    # Messages

    async def on_executions(self, events: Sequence[ExecutionEvent]) -> None:
        """Book fills; again: no effect. What cannot be booked is set aside."""
        if await self._booking.book([execution_of(event) for event in events]):
            self._wake_account()

    async def on_order_failed(self, event: OrderFailed) -> None:
        """Give back what was set aside for an intent that will not be executed, unless the database knows better."""
        await self.release(event.intent_id, f"order failed: {event.reason}")

    async def on_cycles_updated(self, events: Sequence[CycleUpdated]) -> None:
        """Cycles ended: their rows say so, and settling the leases reads them."""
        if any(event.status in ENDED for event in events):
            await self.settle()
            self._wake_performance()

    # Leases

    async def reserve(
        self, wanted: Sequence[ReservationRequest], *, ttl_s: float
    ) -> list[Reserved | ReservationRefused]:
        """Set quote units aside for intents, for ``ttl_s`` wall seconds unless an order uses them.

        All of it is one transaction. The answers are in the order of the requests and end with the first refusal: what
        was asked for after it may have counted on it.

        Raises:
            PocketNotFoundError: there is no such pocket; nothing was set aside.
        """
        pockets = [pocket_name(each.pocket) for each in wanted]
        if (reason := self._halted()) is not None:
            RESERVATIONS.labels("halted").inc()
            return [ReservationRefused(reason)]
        answers: list[Reserved | ReservationRefused] = []
        async with self._pockets.unit(self._clock.now(), *(each.intent_id for each in wanted)) as unit:
            unit.ttl_s = ttl_s
            for each, pocket in zip(wanted, pockets, strict=True):
                answer = unit.pockets.reserve(each.intent_id, pocket=pocket, asset=self._quote, amount=each.amount)
                answers.append(answer)
                if isinstance(answer, ReservationRefused):
                    break
        for answer in answers:
            RESERVATIONS.labels("reserved" if isinstance(answer, Reserved) else "refused").inc()
        return answers

    async def release(self, intent_id: str, reason: str) -> bool:
        """Free what an intent did not spend; False without a lease, or while an order of it may still fill."""
        async with self._pockets.unit(self._clock.now(), intent_id) as unit:
            return give_back(unit.pockets, intent_id, unit.facts.get(intent_id, Facts()), reason)

    async def settle(self) -> dict[str, Pocket]:
        """Bring every lease and every pocket in line with orders, fills, cycles and balances."""
        async with self._pockets.unit(self._clock.now()) as unit:
            return unit.pockets.pockets()

    async def allocate(self, shares: dict[str, Decimal]) -> dict[str, Pocket]:
        """Change the pockets' shares of the capital.

        Raises:
            RejectedError: the shares are not a split of 100 percent.
        """
        async with self._pockets.unit(self._clock.now()) as unit:
            unit.pockets.allocate(shares)
            return unit.pockets.pockets()

    # Sweeps

    async def run(self) -> None:
        """Find in the database what no message told about, now and then."""
        count = 0
        while True:
            try:
                await self.sweep(full=count % FULL_SWEEP_EVERY == 0)
                count += 1
            except TransientError as error:
                logger.warning("sweep postponed", extra={"reason": str(error)})
            await self._clock.sleep(self._sweep_every_s)

    async def sweep(self, *, full: bool = True) -> int:
        """Book every execution that has no posting and settle the leases; answers how many were booked.

        ``full``: those of all time, and what cannot be booked is tried again.
        """
        booked = await self._booking.sweep(full=full)
        if booked:
            self._wake_account()
        return booked
