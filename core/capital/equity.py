"""What the books are worth over time, and what of it came from outside. Pure.

Equity is valued from the books, not from the exchange's balances: there a deposit and its posting are one moment, so no
point holds the money without the flow. What was held at the start is capital, as a deposit is; so is an asset that
gets its first price: nobody knew before what it was worth, and knowing it earned nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from core.capital.valuation import VALUE_STEP
from shared.src.domain.money import ONE, ZERO

INDEX_STEP = Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class BooksHolding:
    """Units of an asset in the books, and how many of them came from outside altogether (no trade, no fee)."""

    amount: Decimal = ZERO
    brought: Decimal = ZERO


Holdings = Mapping[str, BooksHolding]
Rates = Mapping[str, Decimal]  # units of valuation for one unit of an asset


@dataclass(frozen=True, slots=True)
class Valued:
    """The books at a point, and the rates they were valued at; an asset without a rate counted nothing."""

    holdings: Holdings
    rates: Rates

    @property
    def equity(self) -> Decimal:
        """In the asset of valuation."""
        return _worth({asset: holding.amount for asset, holding in self.holdings.items()}, self.rates)


@dataclass(frozen=True, slots=True)
class BooksPoint:
    """``flow``: what came from outside since the point before. ``return_index``: 1 at the first point, moved by
    results alone: its changes are time-weighted returns. Money in the asset of valuation.
    """

    equity: Decimal
    flow: Decimal
    return_index: Decimal


def unpriced(holdings: Holdings, rates: Rates) -> list[str]:
    """The assets held that nobody prices."""
    return sorted(asset for asset, holding in holdings.items() if holding.amount and asset not in rates)


def first_point(now: Valued) -> BooksPoint:
    """All that is held is capital that was brought."""
    equity = _rounded(now.equity)
    return BooksPoint(equity, equity, ONE)


def next_point(before: Valued, last: BooksPoint, now: Valued) -> BooksPoint:
    """The point after ``last``, which was valued as ``before``. Give ``now`` the older rates too: a price that is
    away for a moment is no loss.
    """
    flow = _rounded(_flow(before, now))
    equity = _rounded(now.equity)
    grown = (equity - flow) / last.equity if last.equity > 0 else ONE
    index = (last.return_index * max(ZERO, grown)).quantize(INDEX_STEP, rounding=ROUND_HALF_EVEN)
    return BooksPoint(equity, flow, index)


def _flow(before: Valued, now: Valued) -> Decimal:
    moved = {
        asset: holding.brought - before.holdings.get(asset, BooksHolding()).brought
        for asset, holding in now.holdings.items()
    }
    found = {asset: holding.amount for asset, holding in before.holdings.items() if asset not in before.rates}
    return _worth(moved, now.rates) + _worth(found, now.rates)


def _worth(amounts: Mapping[str, Decimal], rates: Rates) -> Decimal:
    return sum((amount * rates.get(asset, ZERO) for asset, amount in amounts.items()), ZERO)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(VALUE_STEP, rounding=ROUND_HALF_EVEN)
