"""Capital pockets: how much of the capital may be used for what, and who holds a lease on it.

Pure. Invariants, checked after every change: the totals add up to the capital; what is leased never exceeds what
its pocket, and the capital as a whole, has free at that moment.

A lease: active (set aside) -> committed (spent, the position is open) -> released (the position is closed);
active -> released (refused) or expired (nobody used it). A fill is a fact: it reopens a lease that was given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from shared.src.domain.errors import InvariantError, RejectedError
from shared.src.domain.money import ZERO, wire

POCKETS = ("active", "buffer", "safety")
ALIASES = {"reserve": "buffer"}
SPLIT_STEP = Decimal("0.00000001")


class PocketNotFoundError(RejectedError):
    """There is no pocket of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no pocket {name!r}: {', '.join(POCKETS)}", code=404)


class ReservationStatus(StrEnum):
    ACTIVE = "active"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


OPEN = frozenset({ReservationStatus.ACTIVE, ReservationStatus.COMMITTED})


@dataclass(frozen=True, slots=True)
class Reservation:
    """Quote funds set aside for one intent. ``spent`` has left for the position; ``cost`` is still bound in it."""

    intent_id: str
    pocket: str
    asset: str
    amount: Decimal
    spent: Decimal = ZERO
    cost: Decimal = ZERO
    status: ReservationStatus = ReservationStatus.ACTIVE
    reason: str = ""

    @property
    def held(self) -> Decimal:
        """Set aside and not spent yet."""
        return max(ZERO, self.amount - self.spent) if self.status is ReservationStatus.ACTIVE else ZERO

    @property
    def used(self) -> Decimal:
        """Bound in an open position."""
        return self.cost if self.status in OPEN else ZERO


@dataclass(frozen=True, slots=True)
class Pocket:
    """A share of the capital, in quote units."""

    name: str
    share_percent: Decimal
    total: Decimal = ZERO
    reserved: Decimal = ZERO
    used: Decimal = ZERO

    @property
    def room(self) -> Decimal:
        """What is left of it; negative after losses made the capital smaller than what is bound."""
        return self.total - self.reserved - self.used


def availability(pockets: Iterable[Pocket]) -> dict[str, Decimal]:
    """What may be leased from each pocket now, in quote units, by its name; never negative.

    Bounded by the room of the pocket and by the room of all pockets together: after losses one of them may bind more
    than its share, and that money is not in the account a second time. Give all pockets of the account.
    """
    known = tuple(pockets)
    overall = sum((pocket.room for pocket in known), ZERO)
    return {pocket.name: max(ZERO, min(pocket.room, overall)) for pocket in known}


@dataclass(frozen=True, slots=True)
class Reserved:
    lease: Reservation


@dataclass(frozen=True, slots=True)
class ReservationRefused:
    reason: str


def pocket_name(name: str) -> str:
    """The pocket meant.

    Raises:
        PocketNotFoundError: it is neither a pocket nor an alias of one.
    """
    known = ALIASES.get(name, name)
    if known not in POCKETS:
        raise PocketNotFoundError(name)
    return known


def checked_shares(shares: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Percent of capital for each pocket.

    Raises:
        PocketNotFoundError: a name is unknown.
        RejectedError: a pocket is missing, a share is negative, or they do not add up to 100 (code 422).
    """
    named = {pocket_name(name): share for name, share in shares.items()}
    if set(named) != set(POCKETS) or len(named) != len(shares):
        raise RejectedError(f"give each of {', '.join(POCKETS)} once", code=422)
    if min(named.values()) < 0 or sum(named.values()) != 100:
        raise RejectedError("shares are percentages of 0 or more that add up to 100", code=422)
    return named


def split(capital: Decimal, shares: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Each pocket's part of ``capital``; together exactly ``capital``. The rounding rest goes to the largest share."""
    if capital < 0:
        raise InvariantError(f"capital cannot be negative: {capital}")
    parts = {name: (capital * share / 100).quantize(SPLIT_STEP, rounding=ROUND_DOWN) for name, share in shares.items()}
    largest = max(shares, key=lambda name: shares[name])
    parts[largest] += capital - sum(parts.values(), ZERO)
    return parts


class Pockets:
    """The pockets and their leases at one moment. Operations change it in memory; a store makes them last."""

    def __init__(
        self, shares: Mapping[str, Decimal], leases: Iterable[Reservation] = (), *, capital: Decimal = ZERO
    ) -> None:
        self._shares = dict(shares)
        self._leases = {lease.intent_id: lease for lease in leases}
        self._capital = capital

    @property
    def capital(self) -> Decimal:
        """Quote units: what the account holds plus the cost of open positions."""
        return self._capital

    @property
    def leases(self) -> Mapping[str, Reservation]:
        return self._leases

    def adopt(self, leases: Iterable[Reservation]) -> None:
        """Take over leases as a store has them."""
        self._leases |= {lease.intent_id: lease for lease in leases}

    def bound(self) -> Decimal:
        """Cost of the open positions that leases paid for."""
        return sum((lease.used for lease in self._leases.values()), ZERO)

    def pockets(self) -> dict[str, Pocket]:
        totals = split(self._capital, self._shares)
        leases = self._leases.values()
        return {
            name: Pocket(
                name=name,
                share_percent=self._shares[name],
                total=totals[name],
                reserved=sum((lease.held for lease in leases if lease.pocket == name), ZERO),
                used=sum((lease.used for lease in leases if lease.pocket == name), ZERO),
            )
            for name in self._shares
        }

    def available(self, name: str) -> Decimal:
        """What may be leased from a pocket now (see ``availability``).

        Raises:
            PocketNotFoundError: there is no such pocket.
        """
        amounts = availability(self.pockets().values())
        known = pocket_name(name)
        if known not in amounts:
            raise PocketNotFoundError(name)
        return amounts[known]

    def reserve(self, intent_id: str, *, pocket: str, asset: str, amount: Decimal) -> Reserved | ReservationRefused:
        """Set funds aside for an intent. Asked again for the same intent, the first lease stands as it is.

        Raises:
            PocketNotFoundError: there is no such pocket.
        """
        name = pocket_name(pocket)
        known = self._leases.get(intent_id)
        if known is not None and known.status in OPEN:
            return Reserved(known)
        if known is not None and known.status is ReservationStatus.RELEASED:
            return ReservationRefused(f"the funds of {intent_id} were released: {known.reason or 'it ended'}")
        if amount <= 0:
            return ReservationRefused(f"an amount must be positive, not {wire(amount)}")
        free = self.available(name)
        if amount > free:
            return ReservationRefused(f"pocket {name} has {wire(free)} {asset} free, {wire(amount)} needed")
        lease = Reservation(intent_id=intent_id, pocket=name, asset=asset, amount=amount)
        self._leases[intent_id] = lease
        return Reserved(lease)

    def spend(self, intent_id: str, *, spent: Decimal, cost: Decimal) -> None:
        """Book what the entry's fills took altogether, and what of it is still bound in the position."""
        lease = self._leases[intent_id]
        status = lease.status
        if spent > 0 and cost > 0 and status not in OPEN:
            status = ReservationStatus.COMMITTED
        self._leases[intent_id] = replace(lease, spent=spent, cost=cost, status=status)

    def commit(self, intent_id: str) -> None:
        """The entry is over: what it did not spend is free again."""
        lease = self._leases[intent_id]
        if lease.status is ReservationStatus.ACTIVE:
            self._leases[intent_id] = replace(lease, status=ReservationStatus.COMMITTED)

    def release(self, intent_id: str, reason: str) -> None:
        """Nothing is bound any more: the position is closed, or there was none. Again: no effect."""
        self._end(intent_id, ReservationStatus.RELEASED, reason)

    def expire(self, intent_id: str, reason: str) -> None:
        """Nobody used the lease in time."""
        self._end(intent_id, ReservationStatus.EXPIRED, reason)

    def _end(self, intent_id: str, status: ReservationStatus, reason: str) -> None:
        lease = self._leases.get(intent_id)
        if lease is not None and lease.status in OPEN:
            self._leases[intent_id] = replace(lease, status=status, reason=reason)

    def allocate(self, shares: Mapping[str, Decimal]) -> None:
        """Change the shares; leases stay where they are.

        Raises:
            RejectedError: the shares are not a split of 100 percent.
        """
        self._shares = checked_shares(shares)

    def revalue(self, capital: Decimal) -> None:
        """Adopt a new capital (profit, loss, deposit)."""
        self._capital = max(ZERO, capital)

    def check(self) -> None:
        """Raises:
        InvariantError: money appeared or vanished between the pockets.
        """
        pockets = self.pockets().values()
        if sum((pocket.total for pocket in pockets), ZERO) != self._capital:
            raise InvariantError("the pockets do not add up to the capital")
        if any(pocket.reserved < 0 or pocket.used < 0 or pocket.total < 0 for pocket in pockets):
            raise InvariantError("a pocket is negative")
