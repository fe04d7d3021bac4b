"""Whether the exchange has room for an entry and for the protection that follows it: asked before anything is bought.

It limits how many orders, stops and lists stand in a symbol, whoever placed them, how much of a coin may be held, and
how far from the market a price may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.positions.model import Cycle, Order, Purpose
from core.risk.exit_levels import Levels
from shared.src.domain.money import ZERO, wire
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.rules import SymbolRules

# How many more orders somebody else may have placed while we looked.
NEARLY: Final = 3
# What Binance counts as algorithmic orders.
TRIGGERED: Final = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What stands in one symbol, or is due there.

    ``orders``, of which ``stops`` wait for a price, in ``lists``. ``due``: positions and entries that have no stop of
    their own yet. ``units``: base units that the account holds or is buying.
    """

    orders: int = 0
    stops: int = 0
    lists: int = 0
    due: int = 0
    units: Decimal = ZERO

    @classmethod
    def of(cls, symbol: str, orders: Iterable[Order], cycles: Iterable[Cycle], held: Decimal) -> Occupancy:
        """``orders`` that are not done, of any symbol and anybody; ``cycles`` that have not ended."""
        here = [order for order in orders if order.symbol == symbol and not order.is_done]
        protected = {order.cycle_id for order in here if order.purpose is Purpose.STOP_LOSS}
        return cls(
            orders=len(here),
            stops=sum(order.type in TRIGGERED for order in here),
            lists=len({order.order_list_id for order in here} - {None}),
            due=sum(cycle.symbol == symbol and cycle.id not in protected for cycle in cycles),
            units=held + sum((order.quantity for order in here if order.side is Side.BUY), ZERO),
        )

    def is_near(self, rules: SymbolRules) -> bool:
        """Whether the entry would take the last places: then an order that is not known yet would matter."""
        ends = ((self.stops, rules.stops_max), (self.orders, rules.orders_max), (self.lists, rules.lists_max))
        return any(most and count + 2 * (self.due + 1) + NEARLY > most for count, most in ends)


def room_refusal(quantity: Decimal, rules: SymbolRules, standing: Occupancy, *, waits: bool) -> str:
    """Why the exchange would refuse the entry or its protection; empty when it has room for both.

    ``waits``: the entry itself waits for a price.
    """
    return next((reason for reason in _refusals(quantity, rules, standing, waits=waits) if reason), "")


def _refusals(quantity: Decimal, rules: SymbolRules, standing: Occupancy, *, waits: bool) -> Iterator[str]:
    protections = standing.due + 1
    legs = 2 if rules.oco_allowed else 1
    yield _over("stops", standing.stops + protections + waits, rules.stops_max, "MAX_NUM_ALGO_ORDERS")
    yield _over("orders", standing.orders + 1 + legs * protections, rules.orders_max, "MAX_NUM_ORDERS")
    if rules.oco_allowed:
        yield _over("order lists", standing.lists + protections, rules.lists_max, "MAX_NUM_ORDER_LISTS")
    if rules.position_max and standing.units + quantity > rules.position_max:
        had = f"{wire(standing.units)} {rules.base} are held or being bought"
        yield f"{had}, the exchange allows {wire(rules.position_max)}: MAX_POSITION"


def _over(name: str, count: int, allowed: int, limit: str) -> str:
    if not allowed or count <= allowed:
        return ""
    return f"the entry and its protection would make {count} {name}, the exchange allows {allowed}: {limit}"


def band_refusal(levels: Levels, price: Decimal | None, middle: Decimal, rules: SymbolRules) -> str:
    """Why the exchange would refuse a price of the entry (``price``, None at market) or of its protection.

    Measured from the middle of the market; the exchange's own reference is an average of some minutes.
    """
    if price is not None and rules.buys.excludes(price, middle):
        return f"the price {wire(price)} is too far from the market: PERCENT_PRICE"
    for name, level in (("stop", levels.stop_loss), ("target", levels.take_profit)):
        if rules.sells.excludes(level, middle):
            return f"its {name} at {wire(level)} would be too far from the market: PERCENT_PRICE"
    return ""
