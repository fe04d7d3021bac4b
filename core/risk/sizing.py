"""How much to buy, and where to get out. Pure.

Risk-based: a position loses RISK_PERCENTAGE of the capital if its stop is hit, so
notional = capital x risk / stop distance, scaled by the signal's strength, capped by every limit. What is set aside
is the notional plus headroom for the price to drift until the order is filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from shared.src.domain.money import ONE, floor_to_step, score_to_decimal, wire

STOP_DISTANCE_MIN = Decimal("0.003")
STOP_DISTANCE_MAX = Decimal("0.10")
STRENGTH_SHARE_MIN = Decimal("0.5")  # the weakest accepted signal buys half of what the strongest does
AMOUNT_STEP = Decimal("0.00000001")
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class SizingRules:
    """Limits in quote units and percent, as the settings give them."""

    risk_percentage: Decimal
    max_position_size: Decimal
    max_exposure_percent: Decimal
    stop_loss_percent: Decimal
    take_profit_percent: Decimal
    drift_percent: Decimal
    trade_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices of the exits, and the distance of the stop as a fraction of the price."""

    stop_loss: Decimal
    take_profit: Decimal
    stop_distance: Decimal


@dataclass(frozen=True, slots=True)
class Sized:
    """``quantity`` in base units, ``reserve`` in quote units: what to set aside for it."""

    quantity: Decimal
    reserve: Decimal


@dataclass(frozen=True, slots=True)
class TooSmall:
    reason: str


def exit_levels(price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None, rules: SizingRules) -> Levels:
    """The signal's own levels where they make sense for a purchase at ``price``, the settings' otherwise.

    The stop is between 0.3 % and 10 % away: closer is noise, farther makes the position meaningless.
    """
    wanted = (price - stop_loss) / price if stop_loss is not None and stop_loss < price else None
    distance = wanted if wanted is not None else rules.stop_loss_percent / HUNDRED
    distance = min(max(distance, STOP_DISTANCE_MIN), STOP_DISTANCE_MAX)
    target = (
        take_profit
        if take_profit is not None and take_profit > price
        else price * (ONE + rules.take_profit_percent / HUNDRED)
    )
    return Levels(_price(price * (ONE - distance)), _price(target), distance)


def _price(value: Decimal) -> Decimal:
    """At most 12 decimals, as the columns have."""
    return value.quantize(Decimal("0.000000000001"), rounding=ROUND_DOWN)


def headroom(rules: SizingRules) -> Decimal:
    """What is set aside for each quote unit of notional."""
    return ONE + rules.drift_percent / HUNDRED


def size_entry(
    *,
    price: Decimal,
    levels: Levels,
    strength: float,
    capital: Decimal,
    exposure: Decimal,
    available: Decimal,
    notional_min: Decimal,
    step: Decimal,
    rules: SizingRules,
) -> Sized | TooSmall:
    """Quantity and reservation of an entry.

    ``exposure``: quote units at stake in the coin already. ``available``: what the pocket has free. The reservation
    never exceeds MAX_POSITION_SIZE, the room the exposure limit leaves, or the pocket.
    """
    caps = {
        "MAX_POSITION_SIZE": rules.max_position_size,
        "MAX_EXPOSURE_PERCENT": capital * rules.max_exposure_percent / HUNDRED - exposure,
        "the pocket": available,
    }
    tightest = min(caps, key=lambda name: caps[name])
    ceiling = caps[tightest] / headroom(rules)
    if rules.trade_quantity is not None:
        wanted = rules.trade_quantity * price
        if wanted > ceiling:
            return TooSmall(f"TRADE_QUANTITY costs {_shown(wanted)}, {tightest} allows {_shown(ceiling)}")
    else:
        share = STRENGTH_SHARE_MIN + (ONE - STRENGTH_SHARE_MIN) * min(ONE, max(Decimal(0), score_to_decimal(strength)))
        wanted = capital * rules.risk_percentage / HUNDRED / levels.stop_distance * share
    notional = min(wanted, ceiling)
    quantity = floor_to_step((notional / price).quantize(AMOUNT_STEP, rounding=ROUND_DOWN), step)
    if quantity <= 0 or quantity * price < notional_min:
        why = f"{tightest} leaves {_shown(max(Decimal(0), ceiling))}" if wanted > ceiling else f"sized {_shown(wanted)}"
        return TooSmall(f"the order would be under the exchange's minimum of {_shown(notional_min)}: {why}")
    return Sized(quantity, reserve_for(quantity, price, rules))


def reserve_for(quantity: Decimal, price: Decimal, rules: SizingRules) -> Decimal:
    """Quote units to set aside for a quantity."""
    return (quantity * price * headroom(rules)).quantize(AMOUNT_STEP, rounding=ROUND_DOWN)


def shrink(sized: Sized, granted: Decimal, *, price: Decimal, step: Decimal, rules: SizingRules) -> Sized:
    """The same entry on an earlier, smaller reservation of the same intent."""
    if granted >= sized.reserve:
        return Sized(sized.quantity, granted)
    quantity = floor_to_step((granted / headroom(rules) / price).quantize(AMOUNT_STEP, rounding=ROUND_DOWN), step)
    return Sized(min(quantity, sized.quantity), granted)


def _shown(amount: Decimal) -> str:
    return wire(amount.quantize(Decimal("0.01"), rounding=ROUND_DOWN))
