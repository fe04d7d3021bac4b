"""What became of an order that somebody took back."""

from __future__ import annotations

from enum import StrEnum

from core.positions.lifecycle import is_disproved
from core.positions.model import Order
from shared.src.domain.orders import OrderStatus


class Ending(StrEnum):
    """The end of an order that was to be canceled, in the words of the answer."""

    CANCELED = "canceled"
    PARTLY_FILLED = "partly filled, the rest canceled"
    FILLED = "filled"
    NEVER_SENT = "never sent"
    REFUSED = "refused by the exchange"
    NOT_KNOWN = "not known yet"


def ending_of(order: Order) -> Ending:
    """How an order ended; what was executed counts, whatever its status says."""
    if not order.is_done:
        return Ending.NOT_KNOWN
    if order.executed_quantity >= order.quantity:
        return Ending.FILLED
    if order.executed_quantity > 0:
        return Ending.PARTLY_FILLED
    if is_disproved(order):
        return Ending.NEVER_SENT
    return Ending.REFUSED if order.status is OrderStatus.REJECTED else Ending.CANCELED
