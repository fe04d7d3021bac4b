"""How a lease is settled: by what the trader wrote down and the books have, never by what a message said. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from core.capital.ledger import Execution, fill_id
from core.capital.pockets import OPEN, SPLIT_STEP, Pockets, Reservation
from shared.src.domain.money import ZERO
from shared.src.domain.orders import ENDED, CycleStatus, Side
from shared.src.domain.symbols import parts_of


@dataclass(frozen=True, slots=True)
class IntentState:
    """What became of one intent: its entry's orders and executions, and the sales of its cycle.

    ``orders`` and ``open_orders`` count the orders of the entry, and one more as long as further ones follow from its
    plan; protections and exits hold no quote funds.
    """

    orders: int = 0
    open_orders: int = 0
    executions: tuple[Execution, ...] = ()
    cycle_status: CycleStatus | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says about an intent that holds a lease on an asset.

    ``spent``: units of that asset; an entry that pays in another one takes nothing of it. ``bought`` and ``sold``:
    coins of ``base``.
    """

    spent: Decimal = ZERO
    base: str = ""
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    orders: int = 0
    open_orders: int = 0
    cycle_ended: bool = False
    overdue: bool = False

    @property
    def is_filled(self) -> bool:
        return self.spent > 0 or self.bought > 0

    @property
    def held(self) -> Decimal:
        """Coins that were bought and not sold yet, before fees."""
        return max(ZERO, self.bought - self.sold)

    @property
    def cost(self) -> Decimal:
        """Of what was spent, the part whose coins are not sold yet (quote units)."""
        if self.bought <= 0:
            return self.spent
        left = self.held / self.bought
        return (self.spent * left).quantize(SPLIT_STEP, rounding=ROUND_DOWN) if left < 1 else self.spent


def facts_of(state: IntentState, *, asset: str, posted: Container[str], overdue: bool) -> Facts:
    """The facts of a lease on ``asset``. Executions count once the books have them (``posted``: posting ids)."""
    booked = [each for each in state.executions if fill_id(each.execution_id) in posted]
    bought = [each for each in booked if each.side is Side.BUY]
    base, quote = parts_of(booked[0].symbol, quote_first=asset) if booked else ("", asset)
    return Facts(
        spent=sum((_spent(each, asset) for each in bought), ZERO) if quote == asset else ZERO,
        base=base,
        bought=sum((each.quantity for each in bought), ZERO),
        sold=sum((each.quantity for each in booked if each.side is Side.SELL), ZERO),
        orders=state.orders,
        open_orders=state.open_orders,
        cycle_ended=state.cycle_status in ENDED,
        overdue=overdue,
    )


def _spent(execution: Execution, asset: str) -> Decimal:
    return execution.quote_quantity + (execution.fee if execution.fee_asset == asset else ZERO)


def capital(held: Decimal, asset: str, leases: Iterable[tuple[Reservation, Facts]]) -> Decimal:
    """The capital in ``asset`` of an account that holds ``held`` units of it: what is free, and the cost of the
    positions that were paid with it.

    What open positions hold of the asset itself (USDC bought with TRY) is in them, not free.
    """
    known = tuple(leases)
    bound = sum((lease.used for lease, _ in known), ZERO)
    inside = sum((facts.held for lease, facts in known if facts.base == asset and lease.status in OPEN), ZERO)
    return max(ZERO, held - inside) + bound


def settle(pockets: Pockets, intent_id: str, facts: Facts) -> None:
    """Bring one lease in line with the facts. An order that may still fill keeps its lease, however old."""
    pockets.spend(intent_id, spent=facts.spent, cost=ZERO if facts.cycle_ended else facts.cost)
    if facts.cycle_ended:
        pockets.release(intent_id, "the cycle ended")
    elif facts.open_orders:
        return
    elif facts.is_filled:
        pockets.commit(intent_id)
    elif facts.overdue:
        pockets.expire(intent_id, "no order used it in time" if not facts.orders else "its orders ended without a fill")


def give_back(pockets: Pockets, intent_id: str, facts: Facts, reason: str) -> bool:
    """Free what an intent did not spend, however much time its lease has left.

    False, and nothing happens, without a lease or while an order of it may still fill.
    """
    lease = pockets.leases.get(intent_id)
    if lease is None or facts.open_orders:
        return False
    if facts.is_filled:
        pockets.commit(intent_id)
    else:
        pockets.release(intent_id, reason)
    return True
