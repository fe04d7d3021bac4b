"""What may be sent a second time although nobody knows what became of the first.

The exchange holds no two open orders under one id, and cancels an order once. So a stop or a target that stays in the
book, sent again under its own id, or in the place of the same order, stands once, whichever of the two requests
arrives. What trades when it arrives may not be repeated: the exchange takes its id again as soon as it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.positions.model import CycleState, Order, Purpose
from core.positions.position import Position
from core.positions.refusals import is_sale
from core.positions.standing import locked, standing_exits
from shared.src.domain.ids import client_order_id
from shared.src.exchange.rules import SymbolRules

# For how long the exchange may carry out a request that protects a position: by then it was asked for again.
WINDOW_MS: Final = 2000
# How long after it was sent it may still turn up, wall seconds: the window, and what clocks may differ.
HORIZON_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Repeat:
    """A protection to be sent again as it was: alone, as a pair with ``target``, or in the place of ``old``."""

    stop: Order
    target: Order | None = None
    list_id: str = ""
    old: Order | None = None


def is_repeatable(order: Order) -> bool:
    """Whether it may be sent again under its own id."""
    return order.is_protection and not is_sale(order)


def pair_id(cycle_id: str, attempt: int) -> str:
    """Our id of the pair that an attempt to protect a position places."""
    return client_order_id(cycle_id, "pair", attempt)


def repeat_of(view: CycleState, order: Order, rules: SymbolRules) -> Repeat | None:
    """How an unresolved protection is sent again; None when it is no longer what the position needs.

    ``view``: as it is now that the exchange was asked what stands.
    """
    standing = standing_exits(view)
    old = next((item for item in standing if item.leg.cancel_asked), None)
    others = [item for item in standing if item is not old]
    free = Position.of(view.fills, rules.base).held - locked(others)
    if order.quantity > free:
        return None
    unresolved = {item.purpose: item for item in _attempt(view, order) if item.is_unresolved}
    stop, target = unresolved.get(Purpose.STOP_LOSS), unresolved.get(Purpose.TAKE_PROFIT)
    if stop is None:
        return None
    if target is None:
        return Repeat(stop, old=None if old is None else old.leg)
    return Repeat(stop, target, pair_id(view.cycle.id, stop.attempt))


def _attempt(view: CycleState, order: Order) -> list[Order]:
    return [item for item in view.orders if item.is_protection and item.attempt == order.attempt]
