"""The heart of the trader as a table: what is known of a position, and the one thing that is done next.

The price is 100, the smallest order is worth 5, the largest is of 50 units, quantities are multiples of 0.01.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, assert_never

import pytest

from core.execution.arrival import Arrival
from core.execution.next_order import BuyMore, MarketNow, StopBuying
from core.execution.plan import EntryPlan
from core.positions.cycle_steps import (
    Cancel,
    Collect,
    CycleRules,
    EnterAgain,
    Finish,
    GiveUpProtection,
    LookUp,
    MoveStop,
    Protect,
    Reopen,
    ReplaceBySale,
    ReplaceByStop,
    Resolve,
    Sell,
    Step,
    Unsellable,
    Wait,
)
from core.positions.model import CycleState, Purpose
from core.positions.stops import StopRules
from shared.src.domain.execution import ExecutionMethod
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType
from shared.src.exchange.rules import SymbolRules
from tests.unit.core.positions.cycles import NOW, PRICE, RULES, Known, known, state

INTENT, UNKNOWN, NEW = OrderStatus.INTENT, OrderStatus.UNKNOWN, OrderStatus.NEW
PENDING = OrderStatus.PENDING_NEW
PARTLY, FILLED = OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
CANCELED, EXPIRED, REJECTED = OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED
COMPLETED = CycleStatus.COMPLETED
STEPS = CycleRules(entry_age_max=timedelta(seconds=60))


def entry(status: OrderStatus, quantity: str = "2", **facts: Any) -> Known:
    return known(Purpose.ENTRY, quantity, status, **facts)


def limit(status: OrderStatus, quantity: str = "2", **facts: Any) -> Known:
    """An entry that waits in the book."""
    return entry(status, quantity, type=OrderType.LIMIT, **facts)


def stop(status: OrderStatus, quantity: str = "2", **facts: Any) -> Known:
    return known(Purpose.STOP_LOSS, quantity, status, **facts)


def target(status: OrderStatus, quantity: str = "2", **facts: Any) -> Known:
    return known(Purpose.TAKE_PROFIT, quantity, status, **facts)


def sale(status: OrderStatus, quantity: str = "2", **facts: Any) -> Known:
    """A market order that closes the position."""
    return known(Purpose.EXIT, quantity, status, **facts)


# The exchange said no, with a code; we concluded that it never arrived, without one.
REFUSED: dict[str, Any] = {"reject_code": -2010, "reason": "would trigger immediately"}
LOST: dict[str, Any] = {"reject_code": None, "reason": "never reached the exchange"}
TOO_SMALL: dict[str, Any] = {"reject_code": -1013, "reason": "Filter failure: NOTIONAL"}
CLOSED: dict[str, Any] = {"reject_code": -2010, "reason": "-2010 Market is closed."}
UNLISTED: dict[str, Any] = {"reject_code": -1121, "reason": "-1121 Invalid symbol."}
SECOND = timedelta(seconds=1)
BOUGHT = entry(FILLED)
LEAVE = {"exit_reason": "signal"}
OLD = {"expires_at": NOW}
ENDED = {"status": COMPLETED}
OURS: dict[str, Any] = {"cancel_asked": True}

Row = tuple[str, CycleState, str]
ENTERING: list[Row] = [
    ("an entry that was written down and perhaps sent", state(entry(INTENT)), "ask for entry-1"),
    ("an entry that got no answer", state(entry(UNKNOWN)), "ask for entry-1"),
    ("an entry with fills that are not booked", state(entry(FILLED, booked="1.5")), "fetch the fills of entry-1"),
    ("an entry at market on its way", state(entry(NEW)), "wait: the entry is filling"),
    ("an entry at market that filled in part", state(entry(PARTLY, executed="1")), "wait: the entry is filling"),
    ("an entry at market on its way, and an exit", state(entry(NEW), **LEAVE), "cancel entry-1"),
    ("an entry at rest", state(limit(NEW)), "wait: the entry rests"),
    ("an entry that rested as long as it may", state(limit(NEW), **OLD), "cancel entry-1"),
    ("its rest, of which a part was filled", state(limit(PARTLY, executed="1"), **OLD), "cancel entry-1"),
    ("what was filled of it", state(limit(CANCELED, executed="1"), **OLD), "protect 1.00 by a pair"),
    (
        "an entry that never arrived and would be too old to rest",
        state(limit(REJECTED, **LOST), **OLD),
        "failed: never reached the exchange",
    ),
    ("an entry at rest, and an exit", state(limit(NEW), **LEAVE), "cancel entry-1"),
    ("an entry at rest that filled in part", state(limit(PARTLY, executed="1")), "protect 1.00 by a pair"),
    ("an entry at rest with a worthless part filled", state(limit(PARTLY, executed="0.04")), "wait: the entry rests"),
    (
        "an entry at rest whose part is protected",
        state(limit(PARTLY, executed="1"), target(NEW, "1"), stop(NEW, "1")),
        "wait: protected",
    ),
    (
        "an entry at rest that filled beyond its protection",
        state(limit(PARTLY, executed="1.5"), target(NEW, "1"), stop(NEW, "1")),
        "replace take_profit-1 by a stop of 1.50",
    ),
    (
        "an entry at rest that filled beyond its stop",
        state(limit(PARTLY, executed="1.5"), stop(NEW, "1")),
        "replace stop_loss-1 by a stop of 1.50",
    ),
    (
        "a stop that grew for an entry and was refused",
        state(limit(PARTLY, executed="1.5"), stop(NEW, "1"), stop(REJECTED, "1.5", number=2, **REFUSED)),
        "cancel stop_loss-1",
    ),
    (
        "an entry at rest that grows while its target fills",
        state(limit(PARTLY, "3", executed="2.4"), target(PARTLY, executed="0.5"), stop(NEW)),
        "replace take_profit-1 by a stop of 1.90",
    ),
    (
        "an entry at rest after its protection was taken off",
        state(limit(PARTLY, executed="1.5"), target(CANCELED, "1", **OURS), stop(CANCELED, "1", **OURS)),
        "protect 1.50 by a pair",
    ),
    ("an entry that was canceled after a part", state(limit(CANCELED, executed="1")), "protect 1.00 by a pair"),
    ("an entry that was canceled", state(limit(CANCELED)), "canceled: the entry ended without a fill"),
    ("an entry that was canceled for an exit", state(limit(CANCELED), **LEAVE), "canceled: signal"),
    ("an entry that the exchange refused", state(entry(REJECTED, **REFUSED)), "failed: would trigger immediately"),
    ("an entry refused without a word", state(entry(REJECTED, reject_code=-1)), "failed: the entry was refused"),
    (
        "an entry that breaks rules which were read again",
        state(entry(REJECTED, "2.005", **TOO_SMALL)),
        "enter again after entry-1",
    ),
    (
        "an entry refused by a filter, as it would be sent again",
        state(entry(REJECTED, **TOO_SMALL)),
        "failed: Filter failure: NOTIONAL",
    ),
    (
        "an entry that never arrived and was taken back",
        state(entry(REJECTED, **LOST), entry_canceled=True),
        "canceled: canceled by hand, never sent",
    ),
    ("an entry that was taken back while it rests", state(limit(NEW), entry_canceled=True), "cancel entry-1"),
    ("an entry that was taken back after it filled", state(BOUGHT, entry_canceled=True), "protect 2.00 by a pair"),
    ("an entry that never arrived", state(entry(REJECTED, **LOST)), "enter again after entry-1"),
    (
        "a second attempt that never arrived",
        state(entry(REJECTED, **LOST), entry(REJECTED, number=2, **LOST)),
        "enter again after entry-2",
    ),
    (
        "a second attempt that filled",
        state(entry(REJECTED, **LOST), entry(FILLED, number=2)),
        "protect 2.00 by a pair",
    ),
    (
        "three attempts that never arrived",
        state(*(entry(REJECTED, number=number, **LOST) for number in (1, 2, 3))),
        "failed: never reached the exchange",
    ),
    (
        "an entry that never arrived, and an exit",
        state(entry(REJECTED, **LOST), **LEAVE),
        "failed: never reached the exchange; signal",
    ),
    (
        "an entry that never arrived, of an old decision",
        state(entry(REJECTED, **LOST), created_at=NOW - timedelta(seconds=61)),
        "failed: never reached the exchange",
    ),
    ("no order at all", state(), "canceled: the entry ended without a fill"),
]
PROTECTING: list[Row] = [
    ("a position that nothing protects", state(BOUGHT), "protect 2.00 by a pair"),
    ("a position that paid its fee in what it bought", state(entry(FILLED, fee="0.002")), "protect 1.99 by a pair"),
    ("a position larger than one order may be", state(entry(FILLED, "60")), "protect 50.00 by a pair"),
    (
        "a position larger than one order may be, and a stop over that much",
        state(entry(FILLED, "60"), stop(NEW, "50")),
        "protect 10.00 by a pair",
    ),
    (
        "a position larger than one order may be, but for a worthless part",
        state(entry(FILLED, "50.04"), stop(NEW, "50")),
        "wait: protected",
    ),
    (
        "a position in two parts, each with its pair",
        state(
            entry(FILLED, "60"),
            target(NEW, "50"),
            stop(NEW, "50"),
            target(NEW, "10", number=2),
            stop(NEW, "10", number=2),
        ),
        "wait: protected",
    ),
    ("a position and its pair", state(BOUGHT, target(NEW), stop(NEW)), "wait: protected"),
    ("a position and its stop alone", state(BOUGHT, stop(NEW)), "wait: protected"),
    ("a protection of which nobody knows", state(BOUGHT, target(UNKNOWN), stop(UNKNOWN)), "ask for take_profit-1"),
    (
        "a pair that was refused, which is both of its orders",
        state(BOUGHT, target(REJECTED, **REFUSED), stop(REJECTED, **REFUSED)),
        "protect 2.00 by a stop",
    ),
    (
        "a pair and then a stop that were refused",
        state(BOUGHT, target(REJECTED, **REFUSED), stop(REJECTED, **REFUSED), stop(REJECTED, number=2, **REFUSED)),
        "give up protection: would trigger immediately",
    ),
    (
        "a pair that was refused, and a stop that stood since",
        state(BOUGHT, target(REJECTED, **REFUSED), stop(REJECTED, **REFUSED), stop(CANCELED, number=2, **OURS)),
        "protect 2.00 by a pair",
    ),
    (
        "protections refused while the symbol does not trade, which says nothing of them",
        state(BOUGHT, stop(REJECTED, **CLOSED), stop(REJECTED, number=2, **CLOSED)),
        "protect 2.00 by a pair",
    ),
    (
        "protections refused because the symbol is not listed any more",
        state(BOUGHT, stop(REJECTED, **UNLISTED), stop(REJECTED, number=2, **UNLISTED)),
        "protect 2.00 by a pair",
    ),
    (
        "protections that never arrived, which is no refusal",
        state(BOUGHT, stop(REJECTED, **LOST), stop(REJECTED, number=2, **LOST)),
        "protect 2.00 by a pair",
    ),
    ("a position and its target alone", state(BOUGHT, target(NEW)), "replace take_profit-1 by a stop of 2.00"),
    (
        "a target that filled in part, whose stop went with that although nobody said so yet",
        state(BOUGHT, target(PARTLY, executed="0.5"), stop(NEW)),
        "replace take_profit-1 by a stop of 1.50",
    ),
    (
        "a target that filled in part, whose stop expired with that",
        state(BOUGHT, target(PARTLY, executed="0.5"), stop(EXPIRED)),
        "replace take_profit-1 by a stop of 1.50",
    ),
    (
        "a target that filled in part, whose place no stop may take",
        state(BOUGHT, target(PARTLY, executed="0.5"), stop(EXPIRED), stop(REJECTED, "1.5", number=2, **REFUSED)),
        "cancel take_profit-1",
    ),
    (
        "a target that filled in part and was cancelled after that",
        state(
            BOUGHT,
            target(CANCELED, executed="0.5"),
            stop(EXPIRED),
            stop(REJECTED, "1.5", number=2, **REFUSED),
        ),
        "protect 1.50 by a stop",
    ),
    (
        "a target that filled to a worthless rest",
        state(BOUGHT, target(PARTLY, executed="1.96"), stop(EXPIRED)),
        "wait: what is left is too small for another stop",
    ),
    (
        "a second stop over what another one sells already",
        state(BOUGHT, stop(NEW), stop(NEW, number=2)),
        "cancel stop_loss-1",
    ),
    ("a stop over more than is held", state(BOUGHT, stop(NEW, "2.4")), "replace stop_loss-1 by a stop of 2.00"),
    (
        "a stop that fills while an entry adds to the position",
        state(limit(PARTLY, "3", executed="2.4"), target(EXPIRED), stop(PARTLY, executed="0.5")),
        "protect 0.40 by a pair",
    ),
    (
        "a target that filled in part and was canceled with its stop",
        state(BOUGHT, target(CANCELED, executed="0.5"), stop(CANCELED)),
        "protect 1.50 by a stop",
    ),
    (
        "a stop that filled in part",
        state(BOUGHT, target(EXPIRED), stop(PARTLY, executed="0.5")),
        "wait: protected",
    ),
    (
        "a target that filled, with fills that are not booked",
        state(BOUGHT, target(FILLED, booked="1"), stop(EXPIRED)),
        "fetch the fills of take_profit-1",
    ),
    ("a target that filled, and its stop expired", state(BOUGHT, target(FILLED), stop(EXPIRED)), "done: take_profit"),
    ("a stop that filled, and its target expired", state(BOUGHT, target(EXPIRED), stop(FILLED)), "done: stop_loss"),
    (
        "a target that sold a part, and a later stop that sold the rest",
        state(BOUGHT, target(CANCELED, executed="1"), stop(FILLED, "1", number=2)),
        "done: stop_loss",
    ),
    (
        "a stop that filled to a worthless rest",
        state(BOUGHT, stop(EXPIRED, executed="1.96")),
        "done: stop_loss",
    ),
]
LEAVING: list[Row] = [
    ("an exit of a position that nothing protects", state(BOUGHT, **LEAVE), "sell 2.00"),
    (
        "an exit while protected",
        state(BOUGHT, target(NEW), stop(NEW), **LEAVE),
        "replace take_profit-1 by a sale of 2.00",
    ),
    (
        "an exit while its target fills in part",
        state(BOUGHT, target(PARTLY, executed="0.5"), stop(EXPIRED), **LEAVE),
        "cancel take_profit-1",
    ),
    (
        "an exit while a worthless rest of its target stands",
        state(BOUGHT, target(PARTLY, executed="1.96"), stop(EXPIRED), **LEAVE),
        "cancel take_profit-1",
    ),
    (
        "an exit of a position in two parts",
        state(
            entry(FILLED, "60"),
            stop(NEW, "50"),
            stop(NEW, "10", number=2),
            **LEAVE,
        ),
        "replace stop_loss-1 by a sale of 50.00",
    ),
    (
        "an exit of a position of which a part is free",
        state(BOUGHT, stop(NEW, "1"), **LEAVE),
        "sell 1.00",
    ),
    (
        "an exit of a position whose first stop covers too little to be sold alone",
        state(BOUGHT, stop(NEW, "0.04"), stop(NEW, "1.96", number=2), **LEAVE),
        "replace stop_loss-2 by a sale of 1.96",
    ),
    (
        "an exit while more seems to stand than is held: nobody told of the end of the first",
        state(BOUGHT, target(NEW), stop(NEW), stop(NEW, number=2), **LEAVE),
        "cancel take_profit-1",
    ),
    (
        "an exit while more seems to stand than is held, and the first of it fills",
        state(BOUGHT, target(PARTLY, executed="0.5"), stop(NEW, "1.5", number=2), **LEAVE),
        "cancel take_profit-1",
    ),
    (
        "a protection that the operator took off",
        state(BOUGHT, target(CANCELED), stop(CANCELED)),
        "wait: the operator took the protection off",
    ),
    (
        "a protection that the operator took off and another one that was asked for",
        state(BOUGHT, target(CANCELED), stop(CANCELED, **OURS)),
        "protect 2.00 by a pair",
    ),
    ("an exit after the operator took the protection off", state(BOUGHT, stop(CANCELED), **LEAVE), "sell 2.00"),
    (
        "a sale by hand of all that is held",
        state(BOUGHT, stop(CANCELED), known(Purpose.EXTERNAL, "2", FILLED, number=2)),
        "done: operator",
    ),
    ("an exit after that", state(BOUGHT, target(CANCELED), stop(CANCELED), **LEAVE), "sell 2.00"),
    (
        "an exit after the target filled in part",
        state(BOUGHT, target(CANCELED, executed="0.5"), stop(CANCELED), **LEAVE),
        "sell 1.50",
    ),
    ("an exit that its target overtook", state(BOUGHT, target(FILLED), stop(EXPIRED), **LEAVE), "done: take_profit"),
    ("an exit that its stop overtook", state(BOUGHT, target(EXPIRED), stop(FILLED), **LEAVE), "done: stop_loss"),
    ("a sale on its way", state(BOUGHT, sale(NEW), **LEAVE), "wait: the exit is on its way"),
    ("a sale that got no answer", state(BOUGHT, sale(UNKNOWN), **LEAVE), "ask for exit-1"),
    ("a sale that never arrived", state(BOUGHT, sale(REJECTED, **LOST), **LEAVE), "sell 2.00"),
    ("a sale of a part", state(BOUGHT, sale(EXPIRED, executed="1"), **LEAVE), "sell 1.00"),
    ("a sale of everything", state(BOUGHT, sale(FILLED), **LEAVE), "done: signal"),
    ("a sale to a worthless rest", state(BOUGHT, sale(FILLED, "1.96"), **LEAVE), "done: signal"),
    ("a position larger than one order may be", state(entry(FILLED, "60"), **LEAVE), "sell 50.00"),
    (
        "a sale of a whole position that a filter refused as too small, which does not make it worthless",
        state(BOUGHT, sale(REJECTED, created_at=NOW - SECOND, **TOO_SMALL), **LEAVE),
        "sell 2.00",
    ),
    (
        "a sale of a rest at its smallest that a filter refused as too small",
        state(entry(FILLED, "0.05"), sale(REJECTED, "0.05", **TOO_SMALL), **LEAVE),
        "done: signal",
    ),
    (
        "a sale that was refused just now",
        state(BOUGHT, sale(REJECTED, **REFUSED), **LEAVE),
        "protect 2.00 by a pair",
    ),
    (
        "a sale that found nobody who buys",
        state(BOUGHT, sale(EXPIRED), **LEAVE),
        "protect 2.00 by a pair",
    ),
    (
        "a sale that was refused just now, and a stop that stands again",
        state(BOUGHT, sale(REJECTED, **REFUSED), stop(NEW, number=2), **LEAVE),
        "wait: the sale was refused",
    ),
    (
        "a sale that was refused a while ago, and a stop that stands again",
        state(BOUGHT, sale(REJECTED, created_at=NOW - SECOND, **REFUSED), stop(NEW, number=2), **LEAVE),
        "replace stop_loss-2 by a sale of 2.00",
    ),
    (
        "two sales that were refused, which waits longer",
        state(
            BOUGHT,
            sale(REJECTED, created_at=NOW - SECOND, **REFUSED),
            sale(REJECTED, number=2, created_at=NOW - SECOND, **REFUSED),
            stop(NEW, number=3),
            **LEAVE,
        ),
        "wait: the sale was refused",
    ),
    (
        "a sale that was refused just now of what no protection is taken for",
        state(
            BOUGHT,
            stop(REJECTED, **REFUSED),
            stop(REJECTED, number=2, **REFUSED),
            sale(REJECTED, number=3, **REFUSED),
            **LEAVE,
        ),
        "wait: the sale was refused",
    ),
    (
        "a sale that was too small, and more was bought since",
        state(
            entry(FILLED, "0.06"),
            sale(REJECTED, "0.06", created_at=NOW - SECOND, **TOO_SMALL),
            entry(FILLED, number=2),
            **LEAVE,
        ),
        "sell 2.06",
    ),
    ("an exchange that has less than was bought", state(BOUGHT, sell_at_most=Decimal("1.5"), **LEAVE), "sell 1.50"),
    ("an exchange that has more than was bought", state(BOUGHT, sell_at_most=Decimal(3), **LEAVE), "sell 2.00"),
    (
        "an exchange that has nothing of it",
        state(BOUGHT, sell_at_most=Decimal(0), **LEAVE),
        "unsellable: 0 BTC of 2, of which the exchange has no more: quantity 0 is under the exchange minimum 0.01",
    ),
    (
        "an exchange that has nothing of its dust",
        state(entry(FILLED, "0.05"), sell_at_most=Decimal(0), **LEAVE),
        "done: signal",
    ),
    ("nothing to sell and nothing sold", state(entry(FILLED, "0.04")), "done: nothing left to sell"),
]
AFTERWARDS: list[Row] = [
    ("an end", state(BOUGHT, sale(FILLED), **ENDED), "wait: ended"),
    (
        "an end with a worthless rest",
        state(BOUGHT, sale(FILLED, "1.96"), dust=Decimal("0.04"), **ENDED),
        "wait: ended",
    ),
    ("a fill after the end", state(limit(CANCELED, executed="1"), status=CycleStatus.CANCELED), "open again"),
    ("an order after the end of which nobody knows", state(BOUGHT, sale(UNKNOWN), **ENDED), "ask for exit-1"),
    (
        "fills after the end that are not booked",
        state(BOUGHT, sale(FILLED, booked="1"), **ENDED),
        "fetch the fills of exit-1",
    ),
]
WITH_EXITS: list[Row] = [
    (
        "its exits wait for it",
        state(limit(NEW), target(PENDING), stop(PENDING)),
        "wait: the entry rests",
    ),
    (
        "a part of it is filled: what waits protects nothing",
        state(limit(PARTLY, executed="1"), target(PENDING), stop(PENDING)),
        "protect 1.00 by a pair",
    ),
    ("all of it is filled", state(limit(FILLED), target(PENDING), stop(PENDING)), "look up take_profit-1"),
    ("it is canceled", state(limit(CANCELED), target(EXPIRED), stop(PENDING)), "look up stop_loss-1"),
    ("its exits stand", state(limit(FILLED), target(NEW), stop(NEW)), "wait: protected"),
    ("its exits found no units", state(limit(FILLED), target(EXPIRED), stop(EXPIRED)), "protect 2.00 by a pair"),
    ("nobody knows of any", state(target(UNKNOWN), stop(UNKNOWN), limit(UNKNOWN)), "ask for entry-1"),
    ("it is to be left", state(limit(NEW), target(PENDING), stop(PENDING), **LEAVE), "cancel entry-1"),
    (
        "a symbol that has no such lists any more",
        state(
            limit(REJECTED, reject_code=-1013, reason="OPO orders are not supported for this symbol."),
            target(REJECTED, **LOST),
            stop(REJECTED, **LOST),
        ),
        "enter again after entry-1",
    ),
]
TABLE = WITH_EXITS + ENTERING + PROTECTING + LEAVING + AFTERWARDS


VERBS: dict[type[Step], str] = {Resolve: "ask for", LookUp: "look up", Collect: "fetch the fills of", Cancel: "cancel"}


def said(step: Step) -> str:
    """A step in words."""
    match step:
        case Wait(reason):
            return f"wait: {reason}"
        case Resolve(order) | LookUp(order) | Collect(order) | Cancel(order):
            return f"{VERBS[type(step)]} {order.client_order_id}"
        case EnterAgain(lost):
            return f"enter again after {lost.client_order_id}"
        case Protect(quantity, shape):
            return f"protect {quantity:.2f} by a {shape.value}"
        case ReplaceByStop(old, quantity) | ReplaceBySale(old, quantity):
            by = "stop" if isinstance(step, ReplaceByStop) else "sale"
            return f"replace {old.client_order_id} by a {by} of {quantity:.2f}"
        case Sell(quantity, purpose):
            return f"sell {quantity:.2f}" + ("" if purpose is Purpose.EXIT else " for its profit")
        case GiveUpProtection(reason):
            return f"give up {reason.replace(' refused', '', 1)}"
        case BuyMore() | StopBuying():
            return said_of_the_plan(step)
        case Finish() | Reopen() | Unsellable() | MoveStop():
            return said_of_the_cycle(step)
        case _:
            assert_never(step)


def said_of_the_plan(step: BuyMore | StopBuying) -> str:
    if isinstance(step, StopBuying):
        return f"buy no more: {step.reason}"
    return f"buy {step.quantity:.2f} at {step.price:.2f} at most"


def said_of_the_cycle(step: Finish | Reopen | Unsellable | MoveStop) -> str:
    if isinstance(step, Reopen):
        return "open again"
    if isinstance(step, MoveStop):
        return f"move the stop to {step.price:.2f}"
    if isinstance(step, Unsellable):
        return f"unsellable: {step.reason}"
    return f"{'done' if step.status is COMPLETED else step.status.value}: {step.reason}"


@pytest.mark.parametrize(("seen", "then"), [(seen, then) for _, seen, then in TABLE], ids=[row[0] for row in TABLE])
def test_the_next_step_after(seen: CycleState, then: str) -> None:
    assert said(STEPS.next_step(seen, RULES, PRICE, NOW)) == then


TWO_PARTS = EntryPlan(ExecutionMethod.TWAP, Decimal(2), Decimal(101), Arrival(PRICE, PRICE), seconds=100, slices=2)
PLANNED: dict[str, Any] = {"plan": TWO_PARTS, "entering": True, "created_at": NOW - timedelta(seconds=60)}
FIRST = entry(FILLED, "1", created_at=NOW - timedelta(seconds=60))
DONE = "buy no more: all of it is bought, or what is left is too small for an order"
IN_PARTS: list[Row] = [
    ("nothing of it yet", state(**PLANNED), "buy 2.00 at 101.00 at most"),
    ("a part of which nobody knows", state(entry(UNKNOWN, "1"), **PLANNED), "ask for entry-1"),
    ("a part that is not booked", state(entry(FILLED, "1", booked="0.5"), **PLANNED), "fetch the fills of entry-1"),
    ("a part that is not protected", state(FIRST, **PLANNED), "protect 1.00 by a pair"),
    ("a protected part", state(FIRST, stop(NEW, "1"), **PLANNED), "buy 1.00 at 101.00 at most"),
    ("a part that bought nothing", state(entry(EXPIRED, "1"), **PLANNED), "wait: the entry goes on"),
    ("a part that never arrived", state(entry(REJECTED, "1"), **PLANNED), "wait: the entry goes on"),
    ("an exit before anything", state(**PLANNED, **LEAVE), "buy no more: signal"),
    ("an exit after a part", state(FIRST, stop(NEW, "1"), **PLANNED, **LEAVE), "buy no more: signal"),
    (
        "taken back after a part",
        state(FIRST, stop(NEW, "1"), entry_canceled=True, **PLANNED),
        "buy no more: canceled by hand",
    ),
    ("its stop was hit", state(FIRST, stop(FILLED, "1"), **PLANNED), "buy no more: what it bought is being sold"),
    ("bought to the end", state(entry(FILLED), stop(NEW), **PLANNED), DONE),
    ("over, and nothing was bought", state(plan=TWO_PARTS), "canceled: the entry ended without a fill"),
]


@pytest.mark.parametrize(("seen", "then"), [row[1:] for row in IN_PARTS], ids=[row[0] for row in IN_PARTS])
def test_the_next_step_of_an_entry_in_parts(seen: CycleState, then: str) -> None:
    market = MarketNow(PRICE, PRICE)
    assert said(STEPS.next_step(seen, RULES, PRICE, NOW, market=market)) == then


HUGE = replace(RULES, quantity_min=Decimal(5))


@pytest.mark.parametrize(
    ("seen", "rules", "price", "then"),
    [
        (
            state(BOUGHT),
            RULES,
            "2",
            "unsellable: 2 BTC: notional 4 is under the exchange minimum 5",
        ),
        (
            state(BOUGHT, dust_cost_max=None),
            HUGE,
            "100",
            "unsellable: 2 BTC: quantity 2 is under the exchange minimum 5",
        ),
        (
            state(BOUGHT),
            HUGE,
            "100",
            "unsellable: 2 BTC: quantity 2 is under the exchange minimum 5",
        ),
        (
            state(BOUGHT, stop(NEW), **LEAVE),
            HUGE,
            "100",
            "unsellable: 2 BTC: quantity 2 is under the exchange minimum 5",
        ),
        (state(BOUGHT, sale(FILLED, "1.96"), dust_cost_max=Decimal(4)), RULES, "100", "done: exit"),
        (
            state(BOUGHT, sale(FILLED, "1.96"), dust_cost_max=Decimal("3.9")),
            RULES,
            "100",
            "unsellable: 0.04 BTC: notional 4.00 is under the exchange minimum 5",
        ),
    ],
    ids=[
        "became worthless",
        "is under a new minimum, of old rows",
        "is under a new minimum",
        "is under a new minimum and protected",
        "is a rest that cost what dust may",
        "is a rest that cost more",
    ],
)
def test_only_what_its_cost_explains_is_dust_in_a_position_that(
    seen: CycleState, rules: SymbolRules, price: str, then: str
) -> None:
    assert said(STEPS.next_step(seen, rules, Decimal(price), NOW)) == then


TRAILS = replace(RULES, trailing_below_min=10, trailing_below_max=2000)
GAINED: dict[str, Any] = {
    "entry_price": Decimal(90),
    "quantity": Decimal(2),
    "stop_price": Decimal(88),
    "take_profit_price": Decimal(120),
}
AT_88: dict[str, Any] = {"stop_price": Decimal(88)}
FOLLOWING: list[tuple[str, StopRules, CycleState, str]] = [
    ("by nothing", StopRules(), state(BOUGHT, stop(NEW, **AT_88), **GAINED), "wait: protected"),
    (
        "by a stop that was moved",
        StopRules(),
        state(BOUGHT, stop(NEW, stop_price=Decimal(85)), **GAINED),
        "replace stop_loss-1 by a stop of 2.00",
    ),
    (
        "by a target that was moved",
        StopRules(),
        state(BOUGHT, target(NEW, price=Decimal(110)), stop(NEW, **AT_88), **GAINED),
        "replace take_profit-1 by a stop of 2.00",
    ),
    (
        "by a break-even that it has reached",
        StopRules(break_even_percent=Decimal(10)),
        state(BOUGHT, stop(NEW, **AT_88), **GAINED),
        "move the stop to 90.18",
    ),
    (
        "by a break-even that it has not",
        StopRules(break_even_percent=Decimal(12)),
        state(BOUGHT, stop(NEW, **AT_88), **GAINED),
        "wait: protected",
    ),
    (
        "by a break-even over which its stop stands",
        StopRules(break_even_percent=Decimal(10)),
        state(BOUGHT, stop(NEW, stop_price=Decimal(95)), **(GAINED | {"stop_price": Decimal(95)})),
        "wait: protected",
    ),
    (
        "by a trail that has risen above its stop",
        StopRules(trailing_percent=Decimal(10)),
        state(BOUGHT, stop(NEW, **AT_88), max_price=Decimal(100), **GAINED),
        "replace stop_loss-1 by a stop of 2.00",
    ),
    (
        "by a trail that has not",
        StopRules(trailing_percent=Decimal(15)),
        state(BOUGHT, stop(NEW, **AT_88), max_price=Decimal(100), **GAINED),
        "wait: protected",
    ),
    (
        "by a trail of the exchange",
        StopRules(trailing_percent=Decimal(10)),
        state(BOUGHT, stop(NEW, type=OrderType.STOP_LOSS), max_price=Decimal(101), **GAINED),
        "wait: protected",
    ),
    (
        "by a trail of the exchange under a stop that was moved since",
        StopRules(trailing_percent=Decimal(10)),
        state(
            BOUGHT,
            stop(NEW, type=OrderType.STOP_LOSS),
            max_price=Decimal(101),
            **(GAINED | {"stop_price": Decimal(95)}),
        ),
        "replace stop_loss-1 by a stop of 2.00",
    ),
    (
        "by a trail of the exchange that a fall before its placement left under the decided stop",
        StopRules(trailing_percent=Decimal(10)),
        state(
            BOUGHT,
            stop(NEW, type=OrderType.STOP_LOSS),
            max_price=Decimal(100),
            **(GAINED | {"stop_price": Decimal("90.5")}),
        ),
        "replace stop_loss-1 by a stop of 2.00",
    ),
    (
        "by a stop that the exchange would not replace",
        StopRules(trailing_percent=Decimal(10)),
        state(BOUGHT, stop(NEW, **AT_88), stop(REJECTED, number=2, **REFUSED), max_price=Decimal(100), **GAINED),
        "wait: protected",
    ),
    (
        "by half of it for its profit, which its stop holds",
        StopRules(part_at_percent=Decimal(5)),
        state(BOUGHT, stop(NEW, **AT_88), **GAINED),
        "replace stop_loss-1 by a stop of 1.00",
    ),
    (
        "by half of it for its profit, which is free",
        StopRules(part_at_percent=Decimal(5)),
        state(BOUGHT, stop(CANCELED, **AT_88), stop(NEW, "1", number=2, **AT_88), **GAINED),
        "sell 1.00 for its profit",
    ),
    (
        "by half of it for its profit, which was sold",
        StopRules(part_at_percent=Decimal(5)),
        state(
            BOUGHT,
            stop(NEW, "1", **AT_88),
            target(FILLED, "1", number=2, type=OrderType.MARKET),
            **(GAINED | {"exit_quantity": Decimal(1)}),
        ),
        "wait: protected",
    ),
    (
        "by half of it for its profit, which was refused just now",
        StopRules(part_at_percent=Decimal(5)),
        state(
            BOUGHT,
            stop(NEW, "1", **AT_88),
            target(REJECTED, "1", number=2, type=OrderType.MARKET, **REFUSED),
            **GAINED,
        ),
        "replace stop_loss-1 by a stop of 2.00",
    ),
]


@pytest.mark.parametrize(("stops", "seen", "then"), [row[1:] for row in FOLLOWING], ids=[row[0] for row in FOLLOWING])
def test_the_price_is_followed(stops: StopRules, seen: CycleState, then: str) -> None:
    """Bought at 90, with a stop at 88 and a target at 120; the price is 100."""
    steps = CycleRules(timedelta(seconds=60), stops)
    assert said(steps.next_step(seen, TRAILS, PRICE, NOW)) == then


@pytest.mark.parametrize(
    ("seen", "exposed"),
    [
        (state(limit(NEW)), False),
        (state(BOUGHT), True),
        (state(BOUGHT, stop(NEW)), False),
        (state(BOUGHT, target(NEW)), True),
        (state(BOUGHT, target(PARTLY, executed="0.5"), stop(EXPIRED)), True),
        (state(BOUGHT, stop(NEW, "1")), True),
        (state(BOUGHT, stop(PARTLY, executed="0.5")), False),
        (state(BOUGHT, sale(NEW), **LEAVE), True),
        (state(BOUGHT, sale(FILLED), **LEAVE), False),
        (state(BOUGHT, **ENDED), False),
    ],
    ids=[
        "nothing bought",
        "bought",
        "protected",
        "its target alone",
        "the rest of its target",
        "a stop over half of it",
        "the rest of its stop",
        "being sold",
        "sold",
        "ended",
    ],
)
def test_a_position_is_exposed_while_it_could_be_sold_and_no_stop_covers_it(seen: CycleState, exposed: bool) -> None:
    assert STEPS.is_exposed(seen, RULES, PRICE) is exposed


HALVES = replace(RULES, market_step=Decimal("0.5"), market_quantity_max=Decimal(40))


@pytest.mark.parametrize(
    ("seen", "then"),
    [
        (state(entry(FILLED, "2.3")), "protect 2.00 by a pair"),
        (state(entry(FILLED, "2.3"), **LEAVE), "sell 2.00"),
        (state(entry(FILLED, "2.3"), stop(NEW, "1")), "replace stop_loss-1 by a stop of 2.00"),
        (state(entry(FILLED, "2.3"), stop(NEW, "2.3"), **LEAVE), "replace stop_loss-1 by a sale of 2.00"),
        (state(entry(FILLED, "0.4"), **LEAVE), "unsellable: 0.4 BTC: quantity 0.0 is under the exchange minimum 0.01"),
    ],
)
def test_what_must_be_sold_at_market_is_counted_in_its_lots(seen: CycleState, then: str) -> None:
    assert said(STEPS.next_step(seen, HALVES, PRICE, NOW)) == then


def test_an_entry_that_never_arrived_is_tried_again_up_to_its_last_moment() -> None:
    lost = state(entry(REJECTED, **LOST))
    assert said(STEPS.next_step(lost, RULES, PRICE, NOW + timedelta(seconds=60))) == "enter again after entry-1"
    assert said(STEPS.next_step(lost, RULES, PRICE, NOW + timedelta(seconds=61))) != "enter again after entry-1"
