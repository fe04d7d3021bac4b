"""Whether the exchange has room for an entry and for the protection that follows it: asked before anything is bought.

It limits how many orders, stops and lists stand in a symbol, whoever placed them, how much of a coin may be held, and
how far from the market a price may be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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
class TakenPlaces:
    """``orders`` that stand, of which ``stops`` wait for a price, in ``lists``.

    ``due``: positions and entries that have no stop of their own yet.
    """

    orders: int = 0
    stops: int = 0
    lists: int = 0
    due: int = 0

    @classmethod
    def of(cls, orders: Collection[Order], cycles: Iterable[Cycle]) -> TakenPlaces:
        protected = {order.cycle_id for order in orders if order.purpose is Purpose.STOP_LOSS}
        return cls(
            orders=len(orders),
            stops=sum(order.type in TRIGGERED for order in orders),
            lists=len({order.order_list_id for order in orders} - {None}),
            due=sum(cycle.id not in protected for cycle in cycles),
        )

    def is_near(self, orders_max: int, stops_max: int, lists_max: int) -> bool:
        """Whether the entry would take the last places: then an order that is not known yet would matter."""
        ends = ((self.stops, stops_max), (self.orders, orders_max), (self.lists, lists_max))
        return any(most and count + 2 * (self.due + 1) + NEARLY > most for count, most in ends)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What stands in one symbol, or is due there, and what does in all of them.

    ``units``: base units that the account holds or is buying.
    """

    here: TakenPlaces = TakenPlaces()
    account: TakenPlaces = TakenPlaces()
    units: Decimal = ZERO

    @classmethod
    def of(cls, symbol: str, orders: Iterable[Order], cycles: Iterable[Cycle], held: Decimal) -> Occupancy:
        """``orders`` that are not done, of any symbol and anybody; ``cycles`` that have not ended."""
        standing, positions = [order for order in orders if not order.is_done], list(cycles)
        here = [order for order in standing if order.symbol == symbol]
        return cls(
            here=TakenPlaces.of(here, [cycle for cycle in positions if cycle.symbol == symbol]),
            account=TakenPlaces.of(standing, positions),
            units=held + sum((order.quantity for order in here if order.side is Side.BUY), ZERO),
        )

    def is_near(self, rules: SymbolRules) -> bool:
        """Whether the entry would take the last places of its symbol."""
        return self.here.is_near(rules.orders_max, rules.stops_max, rules.lists_max)

    def is_account_near(self, rules: SymbolRules) -> bool:
        """Whether it would take the last places that the account has in all symbols together."""
        return self.account.is_near(rules.account_orders_max, rules.account_stops_max, rules.account_lists_max)


def room_refusal(quantity: Decimal, rules: SymbolRules, standing: Occupancy, *, waits: bool) -> str:
    """Why the exchange would refuse the entry or its protection; empty when it has room for both.

    ``waits``: the entry itself waits for a price.
    """
    return next((reason for reason in _refusals(quantity, rules, standing, waits=waits) if reason), "")


def _refusals(quantity: Decimal, rules: SymbolRules, standing: Occupancy, *, waits: bool) -> Iterator[str]:
    legs = 2 if rules.oco_allowed else 1
    limits = (
        ("", standing.here, rules.stops_max, rules.orders_max, rules.lists_max),
        ("EXCHANGE_", standing.account, rules.account_stops_max, rules.account_orders_max, rules.account_lists_max),
    )
    for of, found, stops_max, orders_max, lists_max in limits:
        protections = found.due + 1
        yield _over("stops", found.stops + protections + waits, stops_max, f"{of}MAX_NUM_ALGO_ORDERS")
        yield _over("orders", found.orders + 1 + legs * protections, orders_max, f"{of}MAX_NUM_ORDERS")
        if rules.oco_allowed:
            yield _over("order lists", found.lists + protections, lists_max, f"{of}MAX_NUM_ORDER_LISTS")
    if rules.position_max and standing.units + quantity > rules.position_max:
        had = f"{wire(standing.units)} {rules.base} are held or being bought"
        yield f"{had}, the exchange allows {wire(rules.position_max)}: MAX_POSITION"


def _over(name: str, count: int, allowed: int, limit: str) -> str:
    if not allowed or count <= allowed:
        return ""
    return f"the entry and its protection would make {count} {name}, the exchange allows {allowed}: {limit}"


def band_refusal(levels: Levels, price: Decimal | None, reference: Decimal, rules: SymbolRules) -> str:
    """Why the exchange would refuse a price of the entry (``price``, None at market) or of its protection.

    ``reference``: what it measures from, the average of some minutes or the market of now.
    """
    if price is not None and rules.buys.excludes(price, reference):
        return f"the price {wire(price)} is too far from the market: PERCENT_PRICE"
    for name, level in (("stop", levels.stop_loss), ("target", levels.take_profit)):
        if rules.sells.excludes(level, reference):
            return f"its {name} at {wire(level)} would be too far from the market: PERCENT_PRICE"
    return ""
