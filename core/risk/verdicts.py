"""What a gate says of an entry: approved with its size, or refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.execution.arrival import Arrival
from core.risk.exit_levels import Levels


@dataclass(frozen=True, slots=True)
class Approved:
    """An entry within every limit.

    ``quantity`` in base units; ``cost``: what it may take of ``pocket``, in units of the asset of valuation.
    ``price_max``: the most that an order at market may pay for a base unit, whatever the book; None for an order with a
    price of its own, and before the market is looked at. ``arrival``: the market as it was judged on.
    """

    quantity: Decimal
    cost: Decimal
    pocket: str
    levels: Levels
    price_max: Decimal | None = None
    arrival: Arrival | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """``reason`` names the setting that forbids it; ``code`` is the exchange's, where the exchange said no."""

    reason: str
    code: int | None = None
