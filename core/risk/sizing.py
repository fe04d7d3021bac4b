"""How much to buy.

Risk-based: a position loses RISK_PERCENTAGE of the capital if its stop is hit, so
notional = capital x risk / stop distance, scaled by the signal's strength, capped by every limit. What is set aside
is the notional plus headroom for the price to drift until the order is filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from core.risk.limits import HUNDRED, shown, stop_refusal
from shared.src.domain.money import ONE, ZERO, score_to_decimal
from shared.src.exchange.rules import SymbolRules

STRENGTH_SHARE_MIN = Decimal("0.5")  # the weakest accepted signal buys half of what the strongest does
AMOUNT_STEP = Decimal("0.00000001")


class SizingSettings(Protocol):
    """The settings that sizes follow (``shared.src.config.Settings`` has them)."""

    @property
    def risk_percentage(self) -> Decimal: ...
    @property
    def max_price_drift_percent(self) -> Decimal: ...
    @property
    def trade_quantity(self) -> Decimal | None: ...


@dataclass(frozen=True, slots=True)
class SizingRules:
    """What sizes follow: percent of the capital, percent of the price, base units."""

    risk_percentage: Decimal
    drift_percent: Decimal
    trade_quantity: Decimal | None = None

    @classmethod
    def of(cls, settings: SizingSettings) -> SizingRules:
        return cls(
            risk_percentage=settings.risk_percentage,
            drift_percent=settings.max_price_drift_percent,
            trade_quantity=settings.trade_quantity,
        )


@dataclass(frozen=True, slots=True)
class Sized:
    """``quantity`` in base units, ``reserve`` in units of valuation: what to set aside for it."""

    quantity: Decimal
    reserve: Decimal


@dataclass(frozen=True, slots=True)
class TooSmall:
    reason: str


def headroom(rules: SizingRules) -> Decimal:
    """What is set aside for each quote unit of notional."""
    return ONE + rules.drift_percent / HUNDRED


def size_entry(
    *,
    price: Decimal,
    stop: Decimal,
    strength: float,
    capital: Decimal,
    rate: Decimal,
    allowed: Mapping[str, Decimal],
    symbol: SymbolRules,
    rules: SizingRules,
) -> Sized | TooSmall:
    """Quantity and reservation of an entry at ``price`` whose exit stands at ``stop``, quote units of the symbol.

    ``capital``, ``allowed`` and the reservation are in units of valuation, ``rate`` of them for one quote unit.
    ``allowed``: what may be set aside under each limit, by its name; the reservation exceeds none of them.
    """
    tightest = min(allowed, key=lambda name: allowed[name])
    ceiling = allowed[tightest] / headroom(rules)
    worth = price * rate
    if rules.trade_quantity is not None:
        wanted = rules.trade_quantity * worth
        if wanted > ceiling:
            return TooSmall(f"TRADE_QUANTITY costs {shown(wanted)}, {tightest} allows {shown(ceiling)}")
    else:
        share = STRENGTH_SHARE_MIN + (ONE - STRENGTH_SHARE_MIN) * min(ONE, max(ZERO, score_to_decimal(strength)))
        wanted = capital * rules.risk_percentage / HUNDRED / ((price - stop) / price) * share
    notional = min(wanted, ceiling)
    quantity = symbol.floor_quantity((notional / worth).quantize(AMOUNT_STEP, rounding=ROUND_DOWN), market=True)
    if quantity <= 0 or symbol.refusal(quantity, price, market=True) or stop_refusal(quantity, stop, symbol):
        why = f"{tightest} leaves {shown(max(ZERO, ceiling))}" if wanted > ceiling else f"sized {shown(wanted)}"
        least = shown(symbol.notional_min)
        return TooSmall(f"the order would be under the exchange's minimum of {least} at its stop: {why}")
    return Sized(quantity, reserve_for(quantity, worth, rules))


def reserve_for(quantity: Decimal, worth: Decimal, rules: SizingRules) -> Decimal:
    """Units of valuation to set aside for a quantity, each base unit being ``worth`` so many."""
    return (quantity * worth * headroom(rules)).quantize(AMOUNT_STEP, rounding=ROUND_DOWN)


def shrink(sized: Sized, granted: Decimal, *, worth: Decimal, symbol: SymbolRules, rules: SizingRules) -> Sized:
    """The same entry on an earlier, smaller reservation of the same intent."""
    if granted >= sized.reserve:
        return Sized(sized.quantity, granted)
    affordable = (granted / headroom(rules) / worth).quantize(AMOUNT_STEP, rounding=ROUND_DOWN)
    return Sized(min(symbol.floor_quantity(affordable, market=True), sized.quantity), granted)
