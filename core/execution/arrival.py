"""The market when an order was decided: what its execution is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.src.domain.orders import Side
from shared.src.exchange.models import BookTicker


@dataclass(frozen=True, slots=True)
class Arrival:
    """Quote units. ``middle`` of the best bid and ask; ``touch``: the best price that an order at market would get."""

    middle: Decimal
    touch: Decimal


def arrival_of(ticker: BookTicker, side: Side) -> Arrival:
    """The market as an order of this side meets it."""
    return Arrival(ticker.middle, ticker.ask if side is Side.BUY else ticker.bid)
