"""How a lease is settled: by what the trader wrote down and the books have, never by what a message said. Pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from core.capital.ledger import Execution, fill_id
from core.capital.pockets import SPLIT_STEP, Pockets
from shared.src.domain.money import ZERO
from shared.src.domain.orders import ENDED, CycleStatus, Side


@dataclass(frozen=True, slots=True)
class IntentState:
    """What became of one intent: its entry's orders and executions, and the sales of its cycle.

    ``orders`` and ``open_orders`` count the orders of the entry; protections and exits hold no quote funds.
    """

    orders: int = 0
    open_orders: int = 0
    executions: tuple[Execution, ...] = ()
    cycle_status: CycleStatus | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says about an intent that holds a lease. Quote units, but ``bought`` and ``sold`` (coins)."""

    spent: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    orders: int = 0
    open_orders: int = 0
    cycle_ended: bool = False
    overdue: bool = False

    @property
    def cost(self) -> Decimal:
        """Of what was spent, the part whose coins are not sold yet (quote units)."""
        if self.bought <= 0:
            return self.spent
        left = max(ZERO, self.bought - self.sold) / self.bought
        return (self.spent * left).quantize(SPLIT_STEP, rounding=ROUND_DOWN) if left < 1 else self.spent


def facts_of(state: IntentState, *, asset: str, posted: Container[str], overdue: bool) -> Facts:
    """The facts of a lease on ``asset``. Executions count once the books have them (``posted``: posting ids)."""
    booked = [each for each in state.executions if fill_id(each.execution_id) in posted]
    bought = [each for each in booked if each.side is Side.BUY]
    return Facts(
        spent=sum((each.quote_quantity + (each.fee if each.fee_asset == asset else ZERO) for each in bought), ZERO),
        bought=sum((each.quantity for each in bought), ZERO),
        sold=sum((each.quantity for each in booked if each.side is Side.SELL), ZERO),
        orders=state.orders,
        open_orders=state.open_orders,
        cycle_ended=state.cycle_status in ENDED,
        overdue=overdue,
    )


def settle(pockets: Pockets, intent_id: str, facts: Facts) -> None:
    """Bring one lease in line with the facts. An order that may still fill keeps its lease, however old."""
    pockets.spend(intent_id, spent=facts.spent, cost=ZERO if facts.cycle_ended else facts.cost)
    if facts.cycle_ended:
        pockets.release(intent_id, "the cycle ended")
    elif facts.open_orders:
        return
    elif facts.spent > 0:
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
    if facts.spent > 0:
        pockets.commit(intent_id)
    else:
        pockets.release(intent_id, reason)
    return True
