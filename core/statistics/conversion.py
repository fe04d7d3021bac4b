"""What a completed cycle came to in the asset of valuation, at the prices of its own time. Pure.

A cycle's sums are in its symbol's quote asset. They are converted once, at the price when the cycle ended: later moves
of that price are no result of this cycle. What nobody can price is not known, and counts nowhere until it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from core.capital.valuation import VALUE_STEP, rate, value
from core.statistics.results import CycleResult
from shared.src.domain.money import ONE, ZERO
from shared.src.domain.symbols import parts_of

RATE_STEP = Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class UnpricedFee:
    """A fee that nobody could price when it was paid, in units of its own asset."""

    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class UnvaluedCycle:
    """A completed cycle in ``quote`` units whose worth in the asset of valuation is not known yet."""

    cycle_id: str
    quote: str
    completed_at: datetime
    unpriced: tuple[UnpricedFee, ...] = ()

    @property
    def assets(self) -> set[str]:
        """Whose prices are needed."""
        return {self.quote, *(fee.asset for fee in self.unpriced)}


@dataclass(frozen=True, slots=True)
class CycleValue:
    """``rate``: units of ``valued_in`` for one quote unit. ``fee_gap``: what the unpriced fees were worth, in
    ``valued_in``: the cycle's own fees lack it. None: not known yet.
    """

    cycle_id: str
    valued_in: str
    rate: Decimal | None
    fee_gap: Decimal | None = ZERO

    @property
    def is_known(self) -> bool:
        return self.rate is not None and self.fee_gap is not None


def cycle_value(cycle: UnvaluedCycle, valued_in: str, prices: Mapping[str, Decimal]) -> CycleValue:
    """The value of a cycle by prices of its time."""
    price = rate(cycle.quote, valued_in, prices)
    fees = [value(fee.amount, fee.asset, valued_in, prices) for fee in cycle.unpriced]
    return CycleValue(
        cycle.cycle_id,
        valued_in,
        None if price is None else price.quantize(RATE_STEP, rounding=ROUND_HALF_EVEN),
        None if None in fees else sum((fee for fee in fees if fee is not None), ZERO),
    )


def quote_of(symbol: str, valued_in: str) -> str:
    """The asset a symbol's amounts are in; where no known one ends it, the symbol itself, which nothing prices."""
    return parts_of(symbol, quote_first=valued_in)[1] or symbol


def converted(result: CycleResult, known: CycleValue | None, valued_in: str) -> CycleResult | None:
    """A result in quote units in the asset of valuation; None while its rate is not known."""
    price = ONE if quote_of(result.symbol, valued_in) == valued_in else None if known is None else known.rate
    if price is None:
        return None
    gap = (known.fee_gap if known is not None else None) or ZERO
    return replace(
        result,
        profit_loss=_rounded(result.profit_loss * price) - gap,
        fees=_rounded(result.fees * price) + gap,
        volume=_rounded(result.volume * price),
    )


def converted_all(results: Iterable[CycleResult], known: Mapping[str, CycleValue], valued_in: str) -> list[CycleResult]:
    """Results by the values of their cycles; those whose rate is not known yet are left out."""
    found = (converted(result, known.get(result.cycle_id), valued_in) for result in results)
    return [result for result in found if result is not None]


def foreign_quotes(symbols: Iterable[str], valued_in: str) -> set[str]:
    """The quote assets of symbols whose price is needed to value amounts in them."""
    return {quote_of(symbol, valued_in) for symbol in symbols} - {valued_in}


def volume_of(by_symbol: Mapping[str, Decimal], valued_in: str, prices: Mapping[str, Decimal]) -> Decimal:
    """What was traded in each symbol (its quote units) together, at these prices; what nobody prices is left out."""
    worth = (value(amount, quote_of(symbol, valued_in), valued_in, prices) for symbol, amount in by_symbol.items())
    return sum((each for each in worth if each is not None), ZERO)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(VALUE_STEP, rounding=ROUND_HALF_EVEN)
