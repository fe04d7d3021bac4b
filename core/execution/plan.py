"""How an entry is bought in several orders, one after the other: what was approved, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.execution.arrival import Arrival
from shared.src.domain.execution import ExecutionMethod


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """Fixed when the entry is approved. ``quantity``: base units of all orders together; ``price_max``: the most that
    any of them pays. ``arrival``: the market at the decision.

    ``seconds`` of the market: how long an order waits as a maker, or how long all of it may take. ``slices``: parts of
    TWAP. ``share``: the most that it may be of what is traded in the market meanwhile, None: no such bound.
    """

    method: ExecutionMethod
    quantity: Decimal
    price_max: Decimal
    arrival: Arrival
    seconds: int
    slices: int = 1
    share: Decimal | None = None
