"""What each fill of a placement answer came to in quote units, which that answer does not say. Pure.

The exchange keeps amounts at 8 decimals, so price x quantity is not always what it moved (ETHBTC: 5 + 4 decimals).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from shared.src.domain.money import ZERO

QUOTE_STEP = Decimal("0.00000001")


def quote_amounts(products: Sequence[Decimal], total: Decimal) -> list[Decimal] | None:
    """Quote units of each fill, from its price x quantity and the ``total`` that the exchange says of all of them.

    Known where nothing was rounded, where one fill was (the rest of ``total`` is its), and where rounding all of them
    down gives ``total`` (any other way of rounding gives more). None where it cannot be told: the trade list can.
    """
    floored = [product.quantize(QUOTE_STEP, rounding=ROUND_DOWN) for product in products]
    if sum(floored, ZERO) == total:
        return floored
    rounded = [number for number, product in enumerate(products) if product != floored[number]]
    if len(rounded) != 1:
        return None
    (number,) = rounded
    floored[number] += total - sum(floored, ZERO)
    return floored if abs(floored[number] - products[number]) <= QUOTE_STEP else None
