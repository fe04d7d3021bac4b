"""What an open position would bring if it were sold now, before the fee of the sale. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.statistics.figures import change_percent


@dataclass(frozen=True, slots=True)
class Unrealised:
    """``value`` and ``profit`` in quote units; what is not known, for want of a price or of a holding, is None."""

    value: Decimal | None = None
    profit: Decimal | None = None
    percent: Decimal | None = None


def unrealised(held: Decimal, *, entry_price: Decimal | None, price: Decimal | None) -> Unrealised:
    """held * price, held * (price - entry_price), and the change of the price in percent of the entry's.

    ``held``: base units bought and not sold. Without a price nothing is known; before the entry, only the value.
    """
    if price is None:
        return Unrealised()
    if entry_price is None:
        return Unrealised(value=held * price)
    percent = change_percent(price, entry_price) if held else None
    return Unrealised(held * price, held * (price - entry_price), percent)
