"""How an entry is bought in several orders, as a table: what there is, what the market is, what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.execution.arrival import Arrival
from core.execution.next_order import (
    OVERTIME,
    BuyMore,
    EntryProgress,
    LookAgain,
    MarketNow,
    Move,
    StopBuying,
    TakeBack,
    next_order,
)
from core.execution.plan import EntryPlan
from core.execution.planning import planned
from core.positions.model import Order, Purpose
from core.risk.exit_levels import Levels
from core.risk.verdicts import Approved
from shared.src.domain.execution import ExecutionChoice, ExecutionMethod
from shared.src.domain.orders import OrderStatus, OrderType, Side
from tests.unit.core.positions.cycles import NOW, RULES

D = Decimal
MARKET = MarketNow(D(100), D("100.2"))
ARRIVAL = Arrival(D("100.1"), D("100.2"))
MAKER = EntryPlan(ExecutionMethod.MAKER_FIRST, D(1), D(101), ARRIVAL, seconds=10)
TWAP = EntryPlan(ExecutionMethod.TWAP, D(1), D(101), ARRIVAL, seconds=100, slices=4)
SHARE = EntryPlan(ExecutionMethod.PARTICIPATION, D(1), D(101), ARRIVAL, seconds=600, share=D("0.1"))


def order(at_s: float, executed: str = "0", status: OrderStatus = OrderStatus.EXPIRED, **changes: Any) -> Order:
    facts: dict[str, Any] = {
        "client_order_id": f"entry-{at_s}",
        "intent_id": "i",
        "cycle_id": "c",
        "attempt": 1,
        "purpose": Purpose.ENTRY,
        "symbol": "BTCUSDC",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": "IOC",
        "quantity": D(1),
        "price": D(101),
        "created_at": NOW + timedelta(seconds=at_s),
        "status": status,
        "executed_quantity": D(executed),
    }
    return Order(**(facts | changes))


def maker(at_s: float, price: str, executed: str = "0", status: OrderStatus = OrderStatus.NEW, **changes: Any) -> Order:
    kind: dict[str, Any] = {"type": OrderType.LIMIT_MAKER, "time_in_force": None, "price": D(price)}
    return order(at_s, executed, status, **(kind | changes))


def taken_back(at_s: float, price: str, executed: str = "0") -> Order:
    return maker(at_s, price, executed, OrderStatus.CANCELED, cancel_asked=True)


def move(plan: EntryPlan, *orders: Order, at_s: float, market: MarketNow | None = MARKET) -> Move:
    return next_order(EntryProgress(plan, orders, NOW), market, RULES, NOW + timedelta(seconds=at_s))


def at(seconds: float) -> LookAgain:
    return LookAgain(NOW + timedelta(seconds=seconds))


def makes(quantity: str, price: str) -> BuyMore:
    return BuyMore(D(quantity), D(price), OrderType.LIMIT_MAKER)


def takes(quantity: str) -> BuyMore:
    return BuyMore(D(quantity), D(101))


STANDING = maker(0, "100", "0.3", OrderStatus.PARTIALLY_FILLED)
TAKEN = StopBuying("the rest was taken at once, as far as it was offered")
REFUSED = order(0, status=OrderStatus.REJECTED, reject_code=-2010, reason="no")


@pytest.mark.parametrize(
    ("orders", "at_s", "market", "expected"),
    [
        ([], 0, MARKET, makes("1", "100")),
        ([], 0, None, at(1)),
        ([], 0, replace(MARKET, bid=D(0)), at(1)),
        ([STANDING], 1, MARKET, at(2)),
        ([STANDING], 9.5, MARKET, at(10)),
        ([STANDING], 1, replace(MARKET, bid=D("100.1")), at(2)),
        ([STANDING], 3, replace(MARKET, bid=D("100.1")), TakeBack(STANDING)),
        ([STANDING], 3, replace(MARKET, bid=D("99.9")), at(4)),
        ([taken_back(0, "100", "0.3")], 3, replace(MARKET, bid=D("100.1")), makes("0.7", "100.1")),
        ([STANDING], 10, MARKET, TakeBack(STANDING)),
        ([STANDING], 3, MarketNow(D("100.5"), D("100.6")), TakeBack(STANDING)),
        ([taken_back(0, "100", "0.3")], 10, MARKET, takes("0.7")),
        ([taken_back(0, "100")], 11, MarketNow(D(101), D("101.1")), at(12)),
        ([taken_back(n, "100") for n in range(12)], 9, MARKET, takes("1")),
        ([maker(0, "100", status=OrderStatus.REJECTED, reject_code=-2010)], 1, MARKET, makes("1", "100")),
        (
            [taken_back(0, "100"), order(10, "0.5")],
            11,
            MARKET,
            StopBuying("the rest was taken at once, as far as it was offered"),
        ),
        ([maker(0, "100", status=OrderStatus.CANCELED)], 1, MARKET, StopBuying("its order was taken back by hand")),
    ],
    ids=[
        "it waits at the best bid",
        "nobody knows the market",
        "nobody bids",
        "at the best bid it waits",
        "no longer than its time",
        "it follows the bid no more often than every two seconds",
        "it follows the bid up",
        "never down",
        "what it bought is not bought again",
        "its time is up",
        "the market runs away",
        "the rest is taken at once",
        "not over the bound",
        "it has followed often enough",
        "a maker that would have taken waits at the bid of now",
        "once the rest was taken that is all",
        "somebody else took it back",
    ],
)
def test_maker_first(orders: list[Order], at_s: float, market: MarketNow | None, expected: Move) -> None:
    assert move(MAKER, *orders, at_s=at_s, market=market) == expected


@pytest.mark.parametrize(
    ("orders", "at_s", "expected"),
    [
        ([], 0, takes("0.25")),
        ([order(0, "0.25")], 10, at(25)),
        ([order(0, "0.25")], 25, takes("0.25")),
        ([order(0, "0.05")], 30, takes("0.45")),
        ([], 60, takes("0.75")),
        ([order(0, "0.25"), order(25, "0.25"), order(50, "0.25")], 75, takes("0.25")),
        ([order(75, "0.9")], 80, at(100)),
        ([order(75, "0.9")], 100, takes("0.1")),
        ([order(75, "0.5"), order(100, "0.1")], 101, StopBuying("its time is up")),
        ([order(0, status=OrderStatus.REJECTED)], 2, takes("0.25")),
        ([order(0, status=OrderStatus.REJECTED)], 0.5, at(1.5)),
        ([order(0, "0.96")], 25, StopBuying("all of it is bought, or what is left is too small for an order")),
    ],
    ids=[
        "the first part at once",
        "one order in a part",
        "the second part",
        "what a part did not get is for the next",
        "what was missed is made up for",
        "the last part",
        "it waits for the end",
        "at the end what is missing, once",
        "then it is over",
        "an order that never arrived was none",
        "but not at once",
        "too small a rest",
    ],
)
def test_twap(orders: list[Order], at_s: float, expected: Move) -> None:
    assert move(TWAP, *orders, at_s=at_s) == expected


def test_a_part_of_twap_leaves_nothing_behind_that_is_too_small() -> None:
    assert move(replace(TWAP, slices=2, quantity=D("0.09")), at_s=0) == takes("0.09")


@pytest.mark.parametrize(
    ("orders", "at_s", "volume", "expected"),
    [
        ([], 0, None, at(1)),
        ([], 0, D("0.1"), at(1)),
        ([], 0, D(2), takes("0.2")),
        ([order(0, "0.2")], 5, D(2), at(6)),
        ([order(0, "0.2")], 60, D("4.5"), takes("0.25")),
        ([order(0, "0.2")], 60, D(50), takes("0.8")),
        ([order(0, "0.2")], 601, D(50), StopBuying("its time is up")),
    ],
    ids=[
        "nobody counts",
        "too little is traded",
        "a share",
        "no more than that",
        "more was traded",
        "all",
        "time is up",
    ],
)
def test_participation(orders: list[Order], at_s: float, volume: Decimal | None, expected: Move) -> None:
    assert move(SHARE, *orders, at_s=at_s, market=replace(MARKET, volume=volume)) == expected


def test_twap_within_a_share_of_what_is_traded() -> None:
    plan = replace(TWAP, share=D("0.1"))
    assert move(plan, at_s=0, market=replace(MARKET, volume=D(1))) == takes("0.1")
    assert move(plan, order(0, "0.1"), at_s=25, market=replace(MARKET, volume=D(1))) == at(26)


@pytest.mark.parametrize("plan", [MAKER, TWAP, SHARE])
def test_nothing_is_bought_over_the_bound_and_it_ends_in_time(plan: EntryPlan) -> None:
    dear = MarketNow(D("101.1"), D("101.2"), volume=D(100))
    assert isinstance(move(plan, taken_back(0, "100"), at_s=plan.seconds, market=dear), LookAgain)
    end = plan.seconds + OVERTIME.total_seconds() + 1
    assert move(plan, at_s=end, market=None) == StopBuying("its time is up")
    assert move(plan, STANDING, at_s=end) == TakeBack(STANDING)


def test_what_is_refused_again_and_again_is_given_up() -> None:
    assert move(TWAP, *[REFUSED] * 5, at_s=2) == StopBuying("refused again and again: no")


APPROVED = Approved(D(1), D(101), "active", Levels(D(95), D(110)), D(101), ARRIVAL)


@pytest.mark.parametrize(("wanted", "quantity", "slices"), [(4, "1", 4), (50, "1", 14), (4, "0.1", 1), (4, "0.01", 1)])
def test_no_part_is_too_small_for_a_stop(wanted: int, quantity: str, slices: int) -> None:
    choice = ExecutionChoice(ExecutionMethod.TWAP, 60, wanted)
    plan = planned(choice, replace(APPROVED, quantity=D(quantity)), RULES)
    assert plan is not None
    assert plan.slices == slices


def test_one_order_at_once_has_no_plan() -> None:
    assert planned(ExecutionChoice(ExecutionMethod.AT_ONCE), APPROVED, RULES) is None
