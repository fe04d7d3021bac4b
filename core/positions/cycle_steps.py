"""What a cycle needs next, decided from what is written down and nothing else.

The same rule runs after an event, after a restart and on a timer, so there is nothing to restore after a crash.
Sizes are of the position: what the cycle bought, less fees, less what it sold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.positions.entries import fitted
from core.positions.lifecycle import is_disproved
from core.positions.model import CycleState, Order, Purpose
from core.positions.position import Position
from core.positions.refusals import breaks_rules, is_too_small
from shared.src.domain.orders import CycleStatus, OrderStatus, Side
from shared.src.exchange.rules import SymbolRules

ENTRY_ATTEMPTS_MAX = 3


class Shape(StrEnum):
    """How a position is protected, best first."""

    PAIR = "pair"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Wait:
    reason: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """Ask the exchange what became of an order that got no answer."""

    order: Order


@dataclass(frozen=True, slots=True)
class Collect:
    """Fetch fills the exchange has executed and we have not booked."""

    order: Order


@dataclass(frozen=True, slots=True)
class Cancel:
    order: Order


@dataclass(frozen=True, slots=True)
class Protect:
    quantity: Decimal
    shape: Shape


@dataclass(frozen=True, slots=True)
class Sell:
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class EnterAgain:
    """The entry never reached the exchange, or was refused by new rules, and its decision is still good: a new attempt
    under a new id.
    """

    lost: Order


@dataclass(frozen=True, slots=True)
class GiveUpProtection:
    """The exchange takes no protection for this position: it must be sold."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    status: CycleStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """A fill came after the cycle had ended: what it brought must be sold."""

    reason: str


Step = Wait | Resolve | Collect | Cancel | EnterAgain | Protect | Sell | GiveUpProtection | Finish | Reopen


class CycleRules:
    """Pure. ``price`` is what the position could be sold at now, for judging what is too small to sell.

    ``entry_age_max``: how long after its start a cycle may still try to enter.
    """

    def __init__(self, entry_age_max: timedelta) -> None:
        self._entry_age_max = entry_age_max

    def next_step(self, view: CycleState, rules: SymbolRules, price: Decimal, now: datetime) -> Step:
        """The one thing to do now."""
        for order in view.orders:
            if order.is_unresolved:
                return Resolve(order)
            if order.executed_quantity > view.booked(order):
                return Collect(order)
        if view.cycle.is_ended:
            grown = self._position(view, rules).held > view.cycle.dust
            return Reopen("a fill came after the end") if grown else Wait("ended")
        entry = self._open_entry(view)
        if entry is not None:
            if view.cycle.exit_reason:
                return Cancel(entry)
            if entry.is_immediate:
                return Wait("the entry is filling")
        lost = self._lost_entry(view, rules, now)
        return EnterAgain(lost) if lost is not None else self._exit_step(view, rules, price, entry)

    def _exit_step(self, view: CycleState, rules: SymbolRules, price: Decimal, entry: Order | None) -> Step:
        position = self._position(view, rules)
        sells = [order for order in view.of(Side.SELL) if order.is_open]
        at_most = view.cycle.sell_at_most
        held = position.held if at_most is None else min(position.held, at_most)
        quantity = rules.floor_quantity(held, market=True)
        sellable = rules.is_sellable(held, price) and not _is_refused_dust(view, quantity)
        protections = [order for order in sells if order.is_protection]
        if view.cycle.exit_reason and protections:
            return Cancel(protections[0])
        if sells:
            return self._watch_protection(protections, quantity)
        if not sellable:
            return Wait("the entry rests") if entry is not None else self._finish(view, position)
        if view.cycle.exit_reason:
            return Sell(quantity)
        return self._protect(view, quantity)

    def _watch_protection(self, protections: list[Order], quantity: Decimal) -> Step:
        """Open sells stay, unless they are a protection that covers less than what is held by now."""
        covered = max((order.remaining for order in protections), default=quantity)
        if quantity > covered:
            return Cancel(protections[0])
        return Wait("protected" if protections else "the exit is on its way")

    def _protect(self, view: CycleState, quantity: Decimal) -> Step:
        refusals = _refused_protections(view.orders)
        if len(refusals) >= len(Shape):
            return GiveUpProtection(f"protection refused: {refusals[0].reason}")
        return Protect(quantity, tuple(Shape)[len(refusals)])

    def _finish(self, view: CycleState, position: Position) -> Step:
        if position.bought:
            return Finish(CycleStatus.COMPLETED, _why_sold(view))
        entry = next(iter(reversed(view.of(Side.BUY))), None)
        if entry is not None and entry.status is OrderStatus.REJECTED:
            return Finish(CycleStatus.FAILED, entry.reason or "the entry was refused")
        return Finish(CycleStatus.CANCELED, view.cycle.exit_reason or "the entry ended without a fill")

    def is_exposed(self, view: CycleState, rules: SymbolRules, price: Decimal) -> bool:
        """Whether it holds something that can be sold and that no order on the exchange protects."""
        if any(order.is_open and order.is_protection for order in view.orders):
            return False
        return not view.cycle.is_ended and rules.is_sellable(self._position(view, rules).held, price)

    def _lost_entry(self, view: CycleState, rules: SymbolRules, now: datetime) -> Order | None:
        """The last entry, when it certainly never arrived, or broke rules that have changed, and may be tried again."""
        entries = view.of(Side.BUY)
        if not entries or view.cycle.exit_reason or now - view.cycle.created_at > self._entry_age_max:
            return None
        last = max(entries, key=lambda order: order.attempt)
        again = is_disproved(last) or (breaks_rules(last) and fitted(last, rules) is not None)
        return last if again and last.attempt < ENTRY_ATTEMPTS_MAX else None

    def _open_entry(self, view: CycleState) -> Order | None:
        return next((order for order in view.of(Side.BUY) if order.is_open), None)

    def _position(self, view: CycleState, rules: SymbolRules) -> Position:
        return Position.of(view.fills, rules.base)


def _why_sold(view: CycleState) -> str:
    """Why the position was sold, by its last sale: its protection, or what asked for the way out.

    A stop that fills while somebody asks for the way out has sold all the same, and says so.
    """
    sales = sorted((fill for fill in view.fills if fill.side is Side.SELL), key=lambda fill: fill.trade_id)
    if not sales:
        return view.cycle.exit_reason or "nothing left to sell"
    seller = next(order for order in view.orders if order.client_order_id == sales[-1].client_order_id)
    return seller.purpose.value if seller.is_protection else view.cycle.exit_reason or seller.purpose.value


def _refused_protections(orders: Iterable[Order]) -> list[Order]:
    """Attempts to protect that the exchange refused since the last one it took, one order of each."""
    attempts: dict[int, Order] = {}
    for order in sorted((item for item in orders if item.is_protection), key=lambda item: item.attempt):
        if order.status is not OrderStatus.REJECTED:
            attempts.clear()
        elif order.reject_code is not None:
            attempts.setdefault(order.attempt, order)
    return list(attempts.values())


def _is_refused_dust(view: CycleState, quantity: Decimal) -> bool:
    """Whether the exchange refused to sell as much as this, the last time, because it is too small an order."""
    last = next((order for order in reversed(view.orders) if order.purpose is Purpose.EXIT), None)
    return last is not None and is_too_small(last) and quantity <= last.quantity
