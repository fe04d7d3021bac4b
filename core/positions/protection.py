"""Where a position's exits stand: stop below, take-profit above, both on allowed prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.src.domain.orders import Side
from shared.src.exchange.rules import SymbolRules

HUNDRED = Decimal(100)
# How far under its trigger the stop's limit stands, so that it fills while the price falls through it.
STOP_LIMIT_OFFSET = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Levels:
    """Exit prices of a position, quote units."""

    stop: Decimal
    take_profit: Decimal


def levels(
    entry_price: Decimal,
    *,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    stop_percent: Decimal,
    take_profit_percent: Decimal,
) -> Levels:
    """The decided exits, or the default distances where a decision has none or its level is on the wrong side."""
    stop = stop_loss if stop_loss is not None and stop_loss < entry_price else None
    target = take_profit if take_profit is not None and take_profit > entry_price else None
    return Levels(
        stop=stop or entry_price * (1 - stop_percent / HUNDRED),
        take_profit=target or entry_price * (1 + take_profit_percent / HUNDRED),
    )


def stop_prices(stop: Decimal, rules: SymbolRules) -> tuple[Decimal, Decimal]:
    """(trigger, limit) of a STOP_LOSS_LIMIT SELL, on allowed prices; the limit stands under the trigger."""
    trigger = rules.floor_price(stop)
    limit = rules.floor_price(trigger * (1 - STOP_LIMIT_OFFSET))
    return trigger, limit


def take_profit_price(price: Decimal, rules: SymbolRules) -> Decimal:
    return rules.round_price(price, Side.SELL)


def trailing_delta(requested_bips: int, rules: SymbolRules) -> int | None:
    """The trailing distance within the symbol's TRAILING_DELTA limits; None when it has no trailing stops."""
    if not rules.trailing_allowed or not rules.trailing_below_max:
        return None
    return max(rules.trailing_below_min, min(requested_bips, rules.trailing_below_max))
