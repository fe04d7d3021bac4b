"""What the execution of orders cost against their benchmark: the price that was there when they were decided.

An order at market is measured against the middle of the market at its decision, half the spread included. One that
waited for a price is measured against that price: the trigger of a stop, the limit of a target. A positive slippage
is a cost, a negative one was earned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.positions.model import Order
from shared.src.domain.money import ZERO
from shared.src.domain.orders import Side

BIPS: Final = Decimal(10_000)
BIPS_STEP: Final = Decimal("1e-4")  # as the columns have


@dataclass(frozen=True, slots=True)
class Executed:
    """Orders of one side taken together: ``quantity`` base units for ``quote``, of which ``benchmark`` was expected."""

    side: Side
    quantity: Decimal
    quote: Decimal
    benchmark: Decimal

    @property
    def slippage_bips(self) -> Decimal:
        """Hundredths of a percent of the benchmark that were lost; negative: gained."""
        paid_more = (self.quote / self.benchmark - 1) * BIPS
        return paid_more if self.side is Side.BUY else -paid_more


def slippage_bips(lost: Decimal, measured: Decimal) -> Decimal | None:
    """Hundredths of a percent that ``lost`` is of what was traded against a benchmark; None before anything was."""
    return (lost / measured * BIPS).quantize(BIPS_STEP) if measured else None


def benchmark_of(order: Order) -> Decimal | None:
    """Quote units for a base unit; None where nobody knew a price: an order of the operator, a stop that trails."""
    if order.stop_price is not None:
        return order.stop_price
    if order.arrival is not None:
        return order.arrival.middle
    return order.price if order.is_protection else None


def execution_of(orders: Iterable[Order], side: Side) -> Executed | None:
    """The orders of a side that were executed and have a benchmark, together; None when there are none."""
    quantity = quote = expected = ZERO
    for order in orders:
        benchmark = benchmark_of(order)
        if order.side is side and order.executed_quantity and order.executed_quote and benchmark:
            quantity += order.executed_quantity
            quote += order.executed_quote
            expected += order.executed_quantity * benchmark
    return Executed(side, quantity, quote, expected) if quantity else None
