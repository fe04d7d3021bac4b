"""What a gate says of an entry: approved with its size, or refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.risk.exit_levels import Levels


@dataclass(frozen=True, slots=True)
class Approved:
    """An entry within every limit.

    ``quantity`` in base units; ``cost``: what it may take of ``pocket``, in units of the asset of valuation.
    """

    quantity: Decimal
    cost: Decimal
    pocket: str
    levels: Levels


@dataclass(frozen=True, slots=True)
class Refused:
    """``reason`` names the setting that forbids it; ``code`` is the exchange's, where the exchange said no."""

    reason: str
    code: int | None = None
