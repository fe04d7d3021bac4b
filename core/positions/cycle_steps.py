"""What a cycle needs next, decided from what is written down and nothing else.

The same rule runs after an event, after a restart and on a timer, so there is nothing to restore after a crash.
Sizes are of the position: what the cycle bought, less fees, less what it sold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import assert_never

from core.execution.next_order import BuyMore, EntryProgress, LookAgain, MarketNow, StopBuying, TakeBack, next_order
from core.positions.by_hand import OPERATOR, is_taken_off
from core.positions.dust import is_dust
from core.positions.entries import fitted
from core.positions.lifecycle import is_disproved
from core.positions.model import Cycle, CycleState, Order, Purpose
from core.positions.position import Position
from core.positions.refusals import breaks_rules, is_too_small, refused_protections, sale_again_at
from core.positions.standing import StandingExit, covered, locked, standing_exits
from core.positions.stops import StopRules, break_even, is_elsewhere, part_to_sell
from shared.src.domain.orders import CycleStatus, OrderStatus, Side
from shared.src.exchange.rules import SymbolRules

ENTRY_ATTEMPTS_MAX = 3
EXPIRED = "the entry rested as long as it may"
STANDING_STILL = StopRules()


class Shape(StrEnum):
    """How a position is protected, best first."""

    PAIR = "pair"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; ``until``: when to look again, None when the next event will tell."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resolve:
    """Ask the exchange what became of an order that got no answer."""

    order: Order


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask what became of an exit that waited for the entry, now that the entry is done."""

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
class ReplaceByStop:
    """Cancel an order, with its pair, and place a stop over ``quantity`` in the same call: no moment without either."""

    old: Order
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Sell:
    """At market, what nothing holds. ``purpose``: to get out, or to take the profit of a part."""

    quantity: Decimal
    purpose: Purpose = Purpose.EXIT


@dataclass(frozen=True, slots=True)
class MoveStop:
    """The stop belongs higher from now on."""

    price: Decimal


@dataclass(frozen=True, slots=True)
class ReplaceBySale:
    """Cancel an order, with its pair, and sell ``quantity`` at market in the same call."""

    old: Order
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
class Unsellable:
    """It holds more than dust, and no order for that would be taken now: it stays open, and a person must know."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    status: CycleStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """A fill came after the cycle had ended: what it brought must be sold."""

    reason: str


# Steps that end in an order to sell.
ExitStep = Protect | ReplaceByStop | Sell | ReplaceBySale
Step = (
    Wait
    | Resolve
    | LookUp
    | Collect
    | Cancel
    | EnterAgain
    | BuyMore
    | StopBuying
    | ExitStep
    | MoveStop
    | GiveUpProtection
    | Unsellable
    | Finish
    | Reopen
)


class CycleRules:
    """Pure. ``price`` is what the position could be sold at now, for judging what is too small to sell.

    ``entry_age_max``: how long after its start a cycle may still try to enter. ``stops``: how stops move.
    """

    def __init__(self, entry_age_max: timedelta, stops: StopRules = STANDING_STILL) -> None:
        self._entry_age_max = entry_age_max
        self._stops = stops

    def costing(self, round_trip: Decimal) -> CycleRules:
        """The same rules where the way in and out costs this share of the price."""
        return CycleRules(self._entry_age_max, replace(self._stops, round_trip=round_trip))

    def next_step(
        self, view: CycleState, rules: SymbolRules, price: Decimal, now: datetime, *, market: MarketNow | None = None
    ) -> Step:
        """The one thing to do now. ``market``: asked by entries that are bought in several orders."""
        unknown = _unknown(view)
        if unknown is not None:
            return unknown
        if view.cycle.is_ended:
            grown = self._position(view, rules).held > view.cycle.dust
            return Reopen("a fill came after the end") if grown else Wait("ended")
        entry = self._open_entry(view)
        if entry is not None:
            if _is_called_off(view.cycle, now):
                return Cancel(entry)
            if entry.is_immediate:
                return Wait("the entry is filling")
        if view.cycle.entering and entry is None and (reason := _called_off(view)):
            return StopBuying(reason)
        lost = self._lost_entry(view, rules, now)
        if lost is not None:
            return EnterAgain(lost)
        step = self._exit_step(view, rules, price, now, entry)
        if view.cycle.entering and isinstance(step, Wait):
            return self._buy_on(view, rules, now, market)  # what is bought is protected first
        if entry is not None and isinstance(step, Wait) and step.until is None:
            return Wait(step.reason, view.cycle.expires_at)
        return step

    def _buy_on(self, view: CycleState, rules: SymbolRules, now: datetime, market: MarketNow | None) -> Step:
        """The next of several orders of an entry."""
        cycle = view.cycle
        if cycle.plan is None:
            return StopBuying("it has no plan")
        entries = tuple(sorted(view.of(Side.BUY), key=lambda order: order.attempt))
        move = next_order(EntryProgress(cycle.plan, entries, cycle.created_at), market, rules, now)
        match move:
            case LookAgain(at):
                return Wait("the entry goes on", at)
            case TakeBack(order):
                return Cancel(order)
            case BuyMore() | StopBuying():
                return move
            case _:
                assert_never(move)

    def _exit_step(
        self, view: CycleState, rules: SymbolRules, price: Decimal, now: datetime, entry: Order | None
    ) -> Step:
        if any(order.is_open and not order.is_protection for order in view.of(Side.SELL)):
            return Wait("the exit is on its way")
        if not standing_exits(view) and not self._is_sellable(view, rules, price):
            rests = entry is not None or view.cycle.entering
            return Wait("the entry rests") if rests else self._end(view, rules, price, now)
        if view.cycle.exit_reason:
            return self._leave(view, rules, price, now)
        return self._part(view, rules, price, now) or self._stay(view, rules, price)

    def _stay(self, view: CycleState, rules: SymbolRules, price: Decimal) -> Step:
        """Stops cover all that is held and no more, or are made to."""
        held, standing = self._held(view, rules), standing_exits(view)
        if not standing and is_taken_off(view):
            return Wait("the operator took the protection off")
        uncovered = rules.floor_quantity(held - covered(standing), market=True)
        if not standing:
            return _protect(view, uncovered)
        changed = next((item for item in standing if not item.covered), standing[0])
        if locked(standing) - changed.locked >= held:
            return Cancel(changed.leg)  # the others sell all there is
        quantity = rules.floor_quantity(held - locked(standing) + changed.locked, market=True)
        if uncovered <= 0 and locked(standing) <= held:
            return self._moved(view, standing, rules, price)
        if changed.covered and (changed.is_filling or quantity == changed.covered):
            # a stop that sells is left alone, and one order may not be larger than the exchange takes
            return _protect(view, uncovered) if rules.is_sellable(uncovered, price) else Wait("protected")
        if not rules.is_sellable(quantity, price):
            if is_dust(view.cycle, self._position(view, rules), rules):
                return Wait("what is left is too small for another stop")
            return Unsellable(self._why_unsellable(view, rules, price))
        if refused_protections(view.orders):
            return Cancel(changed.leg)
        return ReplaceByStop(changed.leg, quantity)

    def _moved(self, view: CycleState, standing: list[StandingExit], rules: SymbolRules, price: Decimal) -> Step:
        """Everything is covered: stops stand where they belong, or are moved there."""
        cycle = view.cycle
        raised = break_even(cycle, price, self._stops)
        if raised is not None:
            return MoveStop(raised)
        if refused_protections(view.orders):
            return Wait("protected")
        for item in standing:
            if not item.is_filling and is_elsewhere(item, cycle, price, rules, self._stops):
                return ReplaceByStop(item.leg, item.locked)
        return Wait("protected")

    def _part(self, view: CycleState, rules: SymbolRules, price: Decimal, now: datetime) -> Step | None:
        """Sell a part that has gained enough: first its stop gives it free, then it is sold. None: nothing to take."""
        again, standing = sale_again_at(view.orders), standing_exits(view)
        part = part_to_sell(view.cycle, view.orders, price, rules, self._stops)
        if not part or not standing or (again is not None and now < again):
            return None
        kept, first = rules.floor_quantity(self._held(view, rules) - part), standing[0]
        smaller = first.locked - (locked(standing) - kept)
        if smaller == first.locked:
            return Sell(part, Purpose.TAKE_PROFIT)
        return ReplaceByStop(first.leg, smaller) if rules.is_sellable(smaller, price) else None

    def _leave(self, view: CycleState, rules: SymbolRules, price: Decimal, now: datetime) -> Step:
        """Sold at market. A sale that was refused is tried again later; until then the position is protected."""
        again = sale_again_at(view.orders)
        if again is not None and now < again:
            step = self._stay(view, rules, price)
            return step if isinstance(step, Protect | ReplaceByStop) else Wait("the sale was refused", again)
        held, standing = self._held(view, rules), standing_exits(view)
        free = rules.floor_quantity(held - locked(standing), market=True)
        if rules.is_sellable(free, price):
            return Sell(free)
        return self._give_up_one(view, standing, rules, price)

    def _give_up_one(
        self, view: CycleState, standing: list[StandingExit], rules: SymbolRules, price: Decimal
    ) -> Cancel | ReplaceBySale | Unsellable:
        """Of what stands, the oldest that gives enough free for a sale goes for that sale.

        Where none does alone, the oldest is canceled: together they may, and what seems to lock more than is held has
        partly ended without anybody telling.
        """
        held = self._held(view, rules)
        for item in standing:
            quantity = rules.floor_quantity(held - locked(standing) + item.locked, market=True)
            if rules.is_sellable(quantity, price):
                # what is filling has perhaps sold more than is known: the sale must wait for the end of it
                return Cancel(item.leg) if item.is_filling else ReplaceBySale(item.leg, quantity)
        if rules.is_sellable(held, price) or is_dust(view.cycle, self._position(view, rules), rules):
            return Cancel(standing[0].leg)
        return Unsellable(self._why_unsellable(view, rules, price))

    def _end(self, view: CycleState, rules: SymbolRules, price: Decimal, now: datetime) -> Step:
        """Nothing of it stands and nothing can be sold: the end, unless what is held is more than dust."""
        position = self._position(view, rules)
        if not is_dust(view.cycle, position, rules):
            return Unsellable(self._why_unsellable(view, rules, price))
        if position.bought:
            return Finish(CycleStatus.COMPLETED, _why_sold(view))
        entry = next(iter(reversed(view.of(Side.BUY))), None)
        if entry is not None and is_disproved(entry) and view.cycle.entry_canceled:
            return Finish(CycleStatus.CANCELED, "canceled by hand, never sent")
        if entry is not None and entry.status is OrderStatus.REJECTED:
            why = entry.reason or "the entry was refused"
            called_off = is_disproved(entry) and view.cycle.exit_reason
            return Finish(CycleStatus.FAILED, f"{why}; {called_off}" if called_off else why)
        unfilled = EXPIRED if view.cycle.has_expired(now) else "the entry ended without a fill"
        return Finish(CycleStatus.CANCELED, view.cycle.exit_reason or unfilled)

    def takes_gain(self, view: CycleState, rules: SymbolRules, price: Decimal) -> bool:
        """Whether a gain at ``price`` moves the stop or sells a part: it must be one of now, not from before a fill."""
        cycle, stops = view.cycle, self._stops
        return break_even(cycle, price, stops) is not None or part_to_sell(cycle, view.orders, price, rules, stops) > 0

    def is_exposed(self, view: CycleState, rules: SymbolRules, price: Decimal) -> bool:
        """Whether it holds something that can be sold and that no stop on the exchange covers."""
        uncovered = self._position(view, rules).held - covered(standing_exits(view))
        return not view.cycle.is_ended and rules.is_sellable(uncovered, price)

    def _lost_entry(self, view: CycleState, rules: SymbolRules, now: datetime) -> Order | None:
        """The last entry, when it certainly never arrived, or broke rules that have changed, and may be tried again."""
        entries = view.of(Side.BUY)
        is_old = now - view.cycle.created_at > self._entry_age_max
        if not entries or is_old or view.cycle.plan is not None or _is_called_off(view.cycle, now):
            return None
        last = max(entries, key=lambda order: order.attempt)
        refitted = breaks_rules(last) and (fitted(last, rules) is not None or _came_with_exits(view, rules))
        again = is_disproved(last) or refitted
        return last if again and last.attempt < ENTRY_ATTEMPTS_MAX else None

    def _open_entry(self, view: CycleState) -> Order | None:
        return next((order for order in view.of(Side.BUY) if order.is_open), None)

    def _position(self, view: CycleState, rules: SymbolRules) -> Position:
        return Position.of(view.fills, rules.base)

    def _held(self, view: CycleState, rules: SymbolRules) -> Decimal:
        """Base units to sell: what the cycle owns, as far as the exchange has it."""
        held, at_most = self._position(view, rules).held, view.cycle.sell_at_most
        return held if at_most is None else min(held, at_most)

    def _is_sellable(self, view: CycleState, rules: SymbolRules, price: Decimal) -> bool:
        held = self._held(view, rules)
        refused = _is_refused_dust(view, rules.floor_quantity(held, market=True))
        return rules.is_sellable(held, price) and not (
            refused and is_dust(view.cycle, self._position(view, rules), rules)
        )

    def _why_unsellable(self, view: CycleState, rules: SymbolRules, price: Decimal) -> str:
        owned, held = self._position(view, rules).held, self._held(view, rules)
        refusal = rules.refusal(rules.floor_quantity(held, market=True), price, market=True)
        missing = f" of {owned}, of which the exchange has no more" if held < owned else ""
        return f"{held} {rules.base}{missing}: {refusal}"


def _unknown(view: CycleState) -> Resolve | Collect | LookUp | None:
    """What has to be learnt first: an order's fate, or its fills; of entries first, their exits follow from them."""
    entries = view.of(Side.BUY)
    for order in (*entries, *view.of(Side.SELL)):
        if order.is_unresolved:
            return Resolve(order)
        if order.executed_quantity > view.booked(order):
            return Collect(order)
    waiting = next((order for order in view.orders if order.is_pending), None)
    return LookUp(waiting) if waiting is not None and not any(order.is_open for order in entries) else None


def _is_called_off(cycle: Cycle, now: datetime) -> bool:
    """Whether nothing more is to be bought for it."""
    return bool(cycle.exit_reason) or cycle.entry_canceled or cycle.has_expired(now)


def _called_off(view: CycleState) -> str:
    """Why no further order of the entry is made; empty when one may be."""
    if view.cycle.exit_reason:
        return view.cycle.exit_reason
    if view.cycle.entry_canceled:
        return "canceled by hand"
    return "what it bought is being sold" if any(order.executed_quantity for order in view.of(Side.SELL)) else ""


def _came_with_exits(view: CycleState, rules: SymbolRules) -> bool:
    """Whether the entry brought exits along, in a symbol that does not have that (any more): it may come alone."""
    return bool(view.of(Side.SELL)) and not rules.has_entry_lists


def _protect(view: CycleState, quantity: Decimal) -> Step:
    """By the best shape that was not refused. A target that began to fill is at the price: it would be refused."""
    refusals = refused_protections(view.orders)
    if len(refusals) >= len(Shape):
        return GiveUpProtection(f"protection refused: {refusals[0].reason}")
    reached = any(order.purpose is Purpose.TAKE_PROFIT and order.executed_quantity for order in view.orders)
    return Protect(quantity, Shape.STOP if refusals or reached else Shape.PAIR)


def _why_sold(view: CycleState) -> str:
    """Why the position was sold, by its last sale: its protection, or what asked for the way out.

    A stop that fills while somebody asks for the way out has sold all the same, and says so.
    """
    sales = sorted((fill for fill in view.fills if fill.side is Side.SELL), key=lambda fill: fill.trade_id)
    if not sales:
        return view.cycle.exit_reason or "nothing left to sell"
    seller = next(order for order in view.orders if order.client_order_id == sales[-1].client_order_id)
    if seller.purpose is Purpose.EXTERNAL:
        return OPERATOR
    return seller.purpose.value if seller.is_protection else view.cycle.exit_reason or seller.purpose.value


def _is_refused_dust(view: CycleState, quantity: Decimal) -> bool:
    """Whether the exchange refused to sell as much as this, the last time, because it is too small an order."""
    last = next((order for order in reversed(view.orders) if order.purpose is Purpose.EXIT), None)
    return last is not None and is_too_small(last) and quantity <= last.quantity
