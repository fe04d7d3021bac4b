"""What an entry that is bought in several orders needs next, from its plan, its orders so far and the market. Pure.

One order is alive at a time, and no order is made before everything of the last one is known; so however often this is
asked, and whatever was killed in between, no more is bought than was approved. Nothing pays more than the plan allows:
while the market is dearer, the entry waits until its time is up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, assert_never

from core.execution.plan import EntryPlan
from core.positions.lifecycle import is_disproved
from core.positions.model import IMMEDIATE_OR_CANCEL, Order
from shared.src.domain.errors import InvariantError
from shared.src.domain.execution import ExecutionMethod
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderStatus, OrderType
from shared.src.exchange.rules import SymbolRules

LOOK_EVERY: Final = timedelta(seconds=1)
# An order that waits at the best bid follows it up no more often than this.
FOLLOW_EVERY: Final = timedelta(seconds=2)
MAKER_ORDERS_MAX: Final = 12
REFUSALS_MAX: Final = 5
# How long after its time what is left may still be taken, where a pause or a limit kept it waiting.
OVERTIME: Final = timedelta(seconds=60)
IN_TIME: Final = "its time is up"


@dataclass(frozen=True, slots=True)
class MarketNow:
    """The market now, quote units. ``volume``: base units that were traded there since the minute before the entry
    began, None where nobody counts them.
    """

    bid: Decimal
    ask: Decimal
    volume: Decimal | None = None


@dataclass(frozen=True, slots=True)
class EntryProgress:
    """An entry as far as it came: its orders in turn, and when it began."""

    plan: EntryPlan
    orders: tuple[Order, ...]
    began_at: datetime

    @property
    def last(self) -> Order | None:
        return self.orders[-1] if self.orders else None

    @property
    def standing(self) -> Order | None:
        """The one order that is alive."""
        return next((order for order in self.orders if order.is_open), None)

    @property
    def rest(self) -> Decimal:
        """Base units that were approved and not bought."""
        return self.plan.quantity - sum((order.executed_quantity for order in self.orders), ZERO)

    @property
    def ends_at(self) -> datetime:
        return self.began_at + timedelta(seconds=self.plan.seconds)


@dataclass(frozen=True, slots=True)
class BuyMore:
    """An order for a part: a limit at ``price``, that takes at once or, as a maker, waits."""

    quantity: Decimal
    price: Decimal
    type: OrderType = OrderType.LIMIT

    @property
    def time_in_force(self) -> str | None:
        return None if self.type is OrderType.LIMIT_MAKER else IMMEDIATE_OR_CANCEL


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Cancel the order that stands; what follows is decided once it is known what it bought."""

    order: Order


@dataclass(frozen=True, slots=True)
class LookAgain:
    at: datetime


@dataclass(frozen=True, slots=True)
class StopBuying:
    """Nothing more is bought."""

    reason: str


Move = BuyMore | TakeBack | LookAgain | StopBuying


def next_order(progress: EntryProgress, market: MarketNow | None, rules: SymbolRules, now: datetime) -> Move:
    """The next move; ``market`` is None while nobody knows the market."""
    reason = _ended(progress, rules, now)
    if reason:
        return TakeBack(progress.standing) if progress.standing is not None else StopBuying(reason)
    again = _refused_until(progress)
    if market is None or again > now:
        return LookAgain(max(again, now + LOOK_EVERY))
    match progress.plan.method:
        case ExecutionMethod.MAKER_FIRST:
            return _maker_first(progress, market, rules, now)
        case ExecutionMethod.TWAP:
            return _twap(progress, market, rules, now)
        case ExecutionMethod.PARTICIPATION:
            return _take(progress, progress.rest, market, rules, otherwise=LookAgain(now + LOOK_EVERY))
        case ExecutionMethod.AT_ONCE:
            raise InvariantError("one order at once has no plan")
        case _:
            assert_never(progress.plan.method)


def _ended(progress: EntryProgress, rules: SymbolRules, now: datetime) -> str:
    """Why nothing more is bought, whatever the method; empty when more may be."""
    last = progress.last
    if not _is_sendable(progress.rest, progress.plan, rules):
        return "all of it is bought, or what is left is too small for an order"
    if last is not None and last.status is OrderStatus.CANCELED and not last.cancel_asked:
        return "its order was taken back by hand"
    refusals = _refusals(progress.orders)
    if len(refusals) >= REFUSALS_MAX:
        return f"refused again and again: {refusals[0].reason}"
    over = OVERTIME if progress.plan.method is not ExecutionMethod.PARTICIPATION else timedelta(0)
    return IN_TIME if now > progress.ends_at + over else ""


def _maker_first(progress: EntryProgress, market: MarketNow, rules: SymbolRules, now: datetime) -> Move:
    """At the best bid, following it up; after its time, or when the market runs away, the rest at once."""
    plan, standing, last = progress.plan, progress.standing, progress.last
    if last is not None and last.is_immediate and not _is_refusal(last):
        return StopBuying("the rest was taken at once, as far as it was offered")
    midway = plan.arrival.touch + (plan.price_max - plan.arrival.touch) / 2
    makers = [order for order in progress.orders if order.type is OrderType.LIMIT_MAKER]
    hurries = now >= progress.ends_at or market.ask >= midway or len(makers) >= MAKER_ORDERS_MAX
    price = rules.floor_price(min(market.bid, plan.price_max))
    look = LookAgain(min(now + LOOK_EVERY, progress.ends_at) if not hurries else now + LOOK_EVERY)
    if standing is not None:
        follows = price > (standing.price or ZERO) and now - standing.created_at >= FOLLOW_EVERY
        return TakeBack(standing) if hurries or follows else look
    if hurries:
        return _take(progress, progress.rest, market, rules, otherwise=look)
    quantity = rules.floor_quantity(progress.rest)
    return BuyMore(quantity, price, OrderType.LIMIT_MAKER) if market.bid else look


def _twap(progress: EntryProgress, market: MarketNow, rules: SymbolRules, now: datetime) -> Move:
    """One order in each part of the time; what one did not get is for the next, and for one more at the end."""
    plan = progress.plan
    each = timedelta(seconds=plan.seconds) / plan.slices
    part = min(int((now - progress.began_at) / each), plan.slices)
    begins, next_begins = progress.began_at + part * each, progress.began_at + (part + 1) * each
    last = progress.last
    if last is not None and last.created_at >= begins and not _is_refusal(last):
        return LookAgain(next_begins) if part < plan.slices else StopBuying(IN_TIME)
    due = plan.quantity * min(part + 1, plan.slices) / plan.slices - (plan.quantity - progress.rest)
    return _take(progress, due, market, rules, otherwise=LookAgain(now + LOOK_EVERY))


def _take(
    progress: EntryProgress, wanted: Decimal, market: MarketNow, rules: SymbolRules, *, otherwise: LookAgain
) -> Move:
    """At once up to the bound, within the share of what is traded. What would be left too small is taken with it."""
    plan, rest = progress.plan, progress.rest
    if market.ask > plan.price_max:
        return otherwise
    quantity = wanted if _is_sendable(rest - wanted, plan, rules) else rest
    if plan.share is not None:
        bought = plan.quantity - rest
        quantity = min(quantity, plan.share * (market.volume or ZERO) - bought)
    if not _is_sendable(quantity, plan, rules):
        return otherwise
    return BuyMore(rules.floor_quantity(quantity), plan.price_max)


def _is_sendable(quantity: Decimal, plan: EntryPlan, rules: SymbolRules) -> bool:
    floored = rules.floor_quantity(quantity)
    return floored > 0 and not rules.refusal(floored, plan.price_max)


def _refusals(orders: Iterable[Order]) -> list[Order]:
    """The last orders that the exchange did not take, back to the last that it did."""
    found = []
    for order in reversed(tuple(orders)):
        if not _is_refusal(order):
            break
        found.append(order)
    return found


def _is_refusal(order: Order) -> bool:
    """Not taken, or never arrived. That a maker would have taken at once says nothing against the next one."""
    would_take = order.type is OrderType.LIMIT_MAKER and not is_disproved(order)
    return order.status is OrderStatus.REJECTED and not would_take


def _refused_until(progress: EntryProgress) -> datetime:
    """When to try again after a refusal."""
    last = progress.last
    if last is None or last.status is not OrderStatus.REJECTED:
        return progress.began_at
    return last.created_at + LOOK_EVERY
