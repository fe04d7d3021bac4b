"""Entries that bring their exits along: a list of which the exchange itself places the exits once the entry is filled.

Binance's OPOCO: a limit order that waits to buy, and a pair that sells what it received. The pair comes to life when
the entry is filled in full, also while nobody of ours is there to see it. Until then it holds nothing and protects
nothing: what is filled in part is protected as ever, and the pair finds those units taken and expires.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from core.positions.exits import sale
from core.positions.model import Cycle, CycleState, Order, Purpose
from core.positions.protection import Protection, settled, stop_at, take_profit_price
from core.positions.repeats import pair_id
from core.positions.rules import PositionRules
from core.positions.stops import stop_level
from shared.src.domain.orders import OrderType
from shared.src.exchange.rules import SymbolRules

# What may wait in a list for a price to buy at.
FEE_MIN = Decimal("0.0001")  # no fee of Binance's is smaller, as a share, but for none
WORKING = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})


def brings_exits(entry: Order, rules: SymbolRules, limits: PositionRules) -> bool:
    """Whether an entry may be placed with its exits: it waits in the book of a symbol that has such lists."""
    waits = entry.type in WORKING and not entry.is_immediate
    return waits and limits.lists and rules.has_entry_lists


def has_spare(entry: Order, rules: SymbolRules, free: Decimal, others: Iterable[Cycle]) -> bool:
    """Whether the account may have other units of the coin when the entry is filled: the owner's, ``free`` now, or
    those that another position has just bought.

    The exchange would take the fee from them, and have the pair sell all that was bought: the fee's worth of what is
    not this position's.
    """
    return free >= entry.quantity * FEE_MIN or any(other.symbol.startswith(rules.base) for other in others)


def armed(cycle: Cycle, entry: Order, rules: SymbolRules, limits: PositionRules) -> tuple[Cycle, Protection] | None:
    """The cycle with its levels settled at the limit of its entry, and the pair that leaves it; None without levels."""
    known = replace(settled(replace(cycle, entry_price=entry.price), rules, limits), entry_price=None)
    if known.stop_price is None or known.take_profit_price is None:
        return None
    view, now = CycleState(known, (), ()), entry.created_at
    stop = sale(view, Purpose.STOP_LOSS, OrderType.STOP_LOSS, entry.quantity, now)
    target = sale(view, Purpose.TAKE_PROFIT, OrderType.LIMIT_MAKER, entry.quantity, now)
    level = stop_level(known, known.stop_price, None, rules, limits.stops)
    stop = stop_at(stop, level, rules, limits.stops)
    target = replace(target, price=take_profit_price(known.take_profit_price, rules))
    return known, Protection(stop, target, list_id=pair_id(cycle.id, stop.attempt))
