"""The pockets of the account under one lock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from core.capital.leases import Facts, capital, settle
from core.capital.pockets import Pocket, Pockets, Reservation, ReservationStatus
from portfolio.src.ports import CapitalStore, CapitalTransaction, ChangedLease, Ledger


@dataclass(slots=True)
class Unit:
    """One transaction on the pockets. Set ``posted`` when fills were booked in it: the leases are settled again."""

    pockets: Pockets
    transaction: CapitalTransaction
    facts: dict[str, Facts] = field(default_factory=dict)
    stored: dict[str, Reservation] = field(default_factory=dict)
    posted: bool = False
    ttl_s: float = 0.0

    @property
    def ledger(self) -> Ledger:
        return self.transaction.ledger


class PocketManager:
    """Adds the transaction to ``core.capital.pockets``: leases are settled by the facts when a unit begins, and what
    changed is written when it ends.

    Whoever holds the pockets decides alone, in any number of processes.
    """

    def __init__(self, store: CapitalStore, *, quote_asset: str) -> None:
        self._store = store
        self._quote = quote_asset

    async def found(self, shares: Mapping[str, Decimal], at: datetime) -> None:
        """Make the pockets of a new installation; shares that were changed since stay as they are."""
        await self._store.found(shares, at)

    @asynccontextmanager
    async def unit(self, at: datetime, *also: str) -> AsyncIterator[Unit]:
        """One transaction on the pockets, settled. ``also``: ids of closed leases that the block needs to see."""
        async with self._locked(at) as unit:
            await self._settle(unit, also)
            yield unit
            if unit.posted:
                await self._settle(unit, also, again=True)

    @asynccontextmanager
    async def posting(self, at: datetime) -> AsyncIterator[Ledger]:
        """One transaction that books fills; the leases are settled by what was booked when the block ends."""
        async with self._locked(at) as unit:
            yield unit.ledger
            await self._settle(unit, ())

    @asynccontextmanager
    async def _locked(self, at: datetime) -> AsyncIterator[Unit]:
        async with self._store.change() as transaction:
            before = await transaction.pockets()
            unit = Unit(Pockets({name: pocket.share_percent for name, pocket in before.items()}), transaction)
            yield unit
            unit.pockets.check()
            await _save(unit, before, at)

    async def _settle(self, unit: Unit, also: Iterable[str], *, again: bool = False) -> None:
        """Read leases and facts and settle the former by the latter; ``again``: leases in memory stay as they are."""
        pockets = unit.pockets
        for stored in await unit.transaction.leases(also):
            lease, facts = stored.lease, stored.facts
            unit.stored.setdefault(lease.intent_id, lease)
            if lease.intent_id not in pockets.leases:
                pockets.adopt([lease])
            # who reserved in this unit has just been given time
            unit.facts[lease.intent_id] = facts = replace(facts, overdue=False) if again else facts
            settle(pockets, lease.intent_id, facts)
        known = [(pockets.leases[intent_id], facts) for intent_id, facts in unit.facts.items()]
        pockets.revalue(capital(await unit.ledger.held(self._quote), self._quote, known))


async def _save(unit: Unit, before: Mapping[str, Pocket], at: datetime) -> None:
    leases = [
        _change(unit.stored.get(lease.intent_id), lease)
        for lease in unit.pockets.leases.values()
        if not _same(unit.stored.get(lease.intent_id), lease)
    ]
    if leases:
        await unit.transaction.save_leases(leases, ttl_s=unit.ttl_s)
    pockets = [pocket for pocket in unit.pockets.pockets().values() if pocket != before[pocket.name]]
    if pockets:
        await unit.transaction.save_pockets(pockets, at)


def _change(before: Reservation | None, lease: Reservation) -> ChangedLease:
    was_active = before is not None and before.status is ReservationStatus.ACTIVE
    return ChangedLease(lease, begins=lease.status is ReservationStatus.ACTIVE and not was_active)


def _same(before: Reservation | None, lease: Reservation) -> bool:
    """Whether the store has the lease as it is; ``cost`` is not stored, the facts say it."""
    return before is not None and replace(before, cost=lease.cost) == lease
