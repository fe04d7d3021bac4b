"""How positions begin and why they are left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.positions.cycle_facts import finished, refreshed, reopened
from core.positions.cycle_steps import Finish
from core.positions.entries import BOUNDED, entry_order, fitted, next_attempt, opened
from core.positions.exits import (
    is_at_unplaced_target,
    is_beyond_stop,
    is_jumped_over,
    is_too_old,
    last_price,
    market_sale,
    widens,
)
from core.positions.model import MANUAL, Cycle, Order, Purpose
from core.risk.exit_levels import Levels
from core.risk.verdicts import Approved
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from tests.unit.core.positions.cycles import NOW, PRICE, RULES, known, state

D = Decimal
HOUR = timedelta(hours=1)
BOUGHT = known(Purpose.ENTRY, "2", OrderStatus.FILLED, fee="0.002")
SOLD = known(Purpose.EXIT, "1.99", OrderStatus.FILLED)


def decision(**changes: Any) -> OrderIntent:
    facts: dict[str, Any] = {
        "message_id": "in-1",
        "occurred_at": NOW,
        "correlation_id": "c-1",
        "symbol": "BTCUSDC",
        "kind": "entry",
        "side": "BUY",
        "quantity": D(2),
        "reference_price": PRICE,
        "reserved": D(150),
        "strategy": "EMA_Cross",
        "decided_on": 0,
    }
    return OrderIntent(**(facts | changes))


def entered(intent: OrderIntent, trigger: Decimal | None = None) -> tuple[Cycle, Order]:
    at_market = intent.type in BOUNDED
    levels = Levels(D(98), D(104))
    approved = Approved(D(2), D(200), "active", levels, price_max=D("101.07") if at_market else None)
    cycle = opened(intent, approved, RULES, NOW)
    return cycle, entry_order(intent, cycle, approved, RULES, trigger=trigger)


def test_a_cycle_keeps_what_its_decision_was_made_on() -> None:
    cycle, order = entered(decision(stop_loss=D(98), trailing_delta_bips=50, consensus_id="cs", pocket="active"))
    assert (cycle.status, cycle.stop_price, cycle.trailing_delta) == (CycleStatus.INITIATING, D(98), 50)
    assert (cycle.consensus_id, cycle.pocket, cycle.correlation_id, cycle.reference_price) == (
        "cs",
        "active",
        "c-1",
        PRICE,
    )
    assert (order.cycle_id, order.side, order.type, order.purpose) == (
        cycle.id,
        Side.BUY,
        OrderType.LIMIT,
        Purpose.ENTRY,
    )
    assert order.status is OrderStatus.INTENT


def test_an_entry_at_market_takes_what_is_offered_up_to_its_price_and_never_rests() -> None:
    order = entered(decision())[1]
    assert (order.type, order.price, order.time_in_force) == (OrderType.LIMIT, D(101), "IOC")
    assert order.is_immediate


def test_what_is_reserved_is_at_least_what_the_entry_costs() -> None:
    assert entered(decision(reserved=D(150)))[0].reserved == D("202.14")
    assert entered(decision(reserved=D(250)))[0].reserved == 250
    assert entered(decision(type=OrderType.LIMIT, price=D(99)))[0].reserved == 198


def test_an_entry_that_rests_has_an_allowed_price_that_is_not_higher() -> None:
    cycle, order = entered(decision(type=OrderType.LIMIT, price=D("99.99")))
    assert (order.price, order.time_in_force, cycle.resting) == (D("99.9"), "GTC", True)
    maker = entered(decision(type=OrderType.LIMIT_MAKER, price=D(99)))[1]
    assert (maker.price, maker.time_in_force) == (D(99), None)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT),
        (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT),
    ],
)
def test_an_entry_at_market_from_a_trigger_on_is_bounded_too(asked: OrderType, sent: OrderType) -> None:
    order = entered(decision(strategy=MANUAL, type=asked), trigger=D("100.5"))[1]
    assert (order.purpose, order.type, order.time_in_force) == (Purpose.MANUAL, sent, "GTC")
    assert (order.stop_price, order.price) == (D("100.5"), D(101))


def test_a_lost_entry_is_tried_again_under_another_id_as_its_gate_approves_it_now() -> None:
    cycle, order = entered(decision())
    lost = replace(order, status=OrderStatus.REJECTED, reason="lost")
    approved = Approved(D("1.5"), D(150), "active", Levels(D(98), D(104)), price_max=D("100.55"))
    again = next_attempt(cycle, lost, approved, RULES, NOW + HOUR)
    assert (again.attempt, again.status, again.reason, again.created_at) == (2, OrderStatus.INTENT, "", NOW + HOUR)
    assert (again.quantity, again.price, again.time_in_force) == (D("1.5"), D("100.5"), "IOC")
    assert again.client_order_id != order.client_order_id


def test_a_lost_entry_with_a_price_of_its_own_keeps_it_on_the_rules_as_they_are() -> None:
    cycle, order = entered(decision(type=OrderType.STOP_LOSS_LIMIT, price=D("99.9")), trigger=D("99.5"))
    approved = Approved(D(2), D(200), "active", Levels(D(98), D(104)))
    again = next_attempt(cycle, order, approved, replace(RULES, tick=D("0.5")), NOW)
    assert (again.price, again.stop_price) == (D("99.5"), D("99.5"))


def test_a_refused_entry_is_rounded_to_the_rules_as_they_are_now() -> None:
    order = entered(decision(type=OrderType.LIMIT, price=D("99.97")))[1]
    coarse = replace(RULES, step=D("1.5"), tick=D(10))
    again = fitted(order, coarse)
    assert again is not None
    assert (again.quantity, again.price) == (D("1.5"), D(90))
    assert fitted(again, coarse) is None
    assert fitted(order, replace(RULES, step=D(3))) is None


def test_a_sale_at_market_has_a_number_after_every_other_sale() -> None:
    stop = known(Purpose.STOP_LOSS, "2", OrderStatus.CANCELED, number=3)
    order = market_sale(state(BOUGHT, stop), D("1.99"), NOW)
    assert (order.attempt, order.type, order.quantity, order.purpose) == (4, OrderType.MARKET, D("1.99"), Purpose.EXIT)


def test_a_position_is_too_old_only_after_its_time() -> None:
    cycle = state(opened_at=NOW).cycle
    assert not is_too_old(cycle, NOW + HOUR, HOUR)
    assert is_too_old(cycle, NOW + HOUR + timedelta(seconds=1), HOUR)
    assert not is_too_old(state().cycle, NOW + 9 * HOUR, HOUR)


def test_a_stop_is_jumped_over_when_its_limit_cannot_fill() -> None:
    cycle = state(stop_price=D(98)).cycle
    assert [is_beyond_stop(cycle, D(bid)) for bid in ("97.9", "98")] == [True, False]
    assert not is_beyond_stop(state().cycle, D(1))
    stop = known(Purpose.STOP_LOSS, "2", OrderStatus.NEW, price=D("97.5")).order
    assert [is_jumped_over([stop], D(bid)) for bid in ("97.4", "97.5")] == [True, False]
    assert not is_jumped_over([replace(stop, status=OrderStatus.FILLED)], D(90))
    market = replace(stop, type=OrderType.STOP_LOSS, price=None, stop_price=D(98))
    assert [is_jumped_over([market], D(bid)) for bid in ("97.5", "97.6")] == [True, False]
    assert not is_jumped_over([replace(market, stop_price=None)], D(90))


def test_the_prices_seen_widen_by_what_is_outside_of_them() -> None:
    cycle = state(min_price=D(99), max_price=D(101)).cycle
    assert [widens(cycle, D(price)) for price in ("98", "99", "100", "101", "102")] == [True, False, False, False, True]
    assert widens(state().cycle, PRICE)


def test_a_cycle_shows_what_follows_from_its_fills() -> None:
    cycle = refreshed(state(BOUGHT), RULES, NOW)
    assert (cycle.status, cycle.quantity, cycle.entry_price, cycle.opened_at) == (
        CycleStatus.ACTIVE_BUY,
        D(2),
        PRICE,
        NOW,
    )
    assert (cycle.entry_order_id, cycle.exit_order_id) == ("entry-1", None)
    part = refreshed(
        state(BOUGHT, known(Purpose.STOP_LOSS, "2", OrderStatus.PARTIALLY_FILLED, executed="1")), RULES, NOW
    )
    assert (part.status, part.exit_quantity, part.exit_order_id) == (CycleStatus.ACTIVE_SELL, D(1), "stop_loss-1")


@pytest.mark.parametrize(
    ("orders", "facts", "status"),
    [
        ([known(Purpose.ENTRY, "2", OrderStatus.INTENT)], {}, CycleStatus.INITIATING),
        ([known(Purpose.ENTRY, "2", OrderStatus.NEW)], {}, CycleStatus.WAITING_BUY),
        ([BOUGHT], {}, CycleStatus.ACTIVE_BUY),
        ([BOUGHT], {"exit_reason": "signal"}, CycleStatus.WAITING_SELL),
        ([BOUGHT], {"status": CycleStatus.FAILED}, CycleStatus.FAILED),
    ],
)
def test_a_cycle_is_where_its_orders_are(orders: list[Any], facts: dict[str, Any], status: CycleStatus) -> None:
    assert refreshed(state(*orders, **facts), RULES, NOW).status is status


def test_a_completed_cycle_has_a_result_and_its_dust_at_cost() -> None:
    done = finished(state(BOUGHT, SOLD), RULES, Finish(CycleStatus.COMPLETED, "signal"), NOW)
    assert (done.status, done.exit_reason, done.completed_at, done.dust) == (
        CycleStatus.COMPLETED,
        "signal",
        NOW,
        D("0.008"),
    )
    assert (done.profit_loss, done.profit_loss_percent) == (D("-0.2"), D("-0.1"))


def test_a_cycle_that_bought_nothing_has_no_result() -> None:
    done = finished(state(), RULES, Finish(CycleStatus.CANCELED, "left"), NOW)
    assert (done.status, done.profit_loss, done.dust) == (CycleStatus.CANCELED, None, D(0))


def test_a_reopened_cycle_is_on_its_way_out() -> None:
    ended = state(status=CycleStatus.COMPLETED, completed_at=NOW).cycle
    again = reopened(ended, "late")
    assert (again.is_ended, again.completed_at, again.exit_reason) == (False, None, "late")


def test_while_nobody_bids_the_last_price_of_the_cycles_own_counts() -> None:
    seen = state(BOUGHT, known(Purpose.STOP_LOSS, "2", OrderStatus.NEW, price=D(97)))
    told = replace(seen, fills=(replace(seen.fills[0], price=D(101)), replace(seen.fills[0], price=D(102))))
    assert last_price(told) == 102
    assert last_price(replace(told, fills=())) == 97
    with pytest.raises(TransientError, match="nobody knows its price"):
        last_price(state(known(Purpose.ENTRY, "2", OrderStatus.NEW)))


@pytest.mark.parametrize(
    ("orders", "bid", "unplaced"),
    [
        ((), "104", True),
        ((), "103.9", False),
        ((known(Purpose.TAKE_PROFIT, "2", OrderStatus.NEW),), "104", False),
        ((known(Purpose.STOP_LOSS, "2", OrderStatus.NEW),), "104", True),
        ((known(Purpose.TAKE_PROFIT, "2", OrderStatus.CANCELED),), "104", True),
    ],
)
def test_a_target_that_no_order_stands_for_is_reached_by_the_price(
    orders: tuple[Any, ...], bid: str, unplaced: bool
) -> None:
    seen = state(BOUGHT, *orders, take_profit_price=D(104))
    assert is_at_unplaced_target(seen, D(bid)) is unplaced


def test_a_position_without_a_target_never_reaches_it() -> None:
    assert not is_at_unplaced_target(state(BOUGHT), D(1000))


def test_a_position_that_saw_only_one_side_of_prices_sees_new_ones_in_every_price() -> None:
    assert widens(state(BOUGHT, min_price=D(99)).cycle, D(100))
    assert widens(state(BOUGHT, max_price=D(101)).cycle, D(100))


def test_an_order_at_market_is_fitted_to_the_lots_of_orders_at_market() -> None:
    rules = replace(RULES, market_step=D("0.5"))
    at_market = known(Purpose.ENTRY, "2.3", OrderStatus.REJECTED, price=None).order
    limited = known(Purpose.ENTRY, "2.3", OrderStatus.REJECTED, price=D(100)).order
    fitting = fitted(at_market, rules)
    assert fitting is not None
    assert fitting.quantity == 2
    assert fitted(limited, rules) is None


def test_less_than_a_unit_can_be_fitted() -> None:
    refused = known(Purpose.ENTRY, "0.505", OrderStatus.REJECTED, price=D(100)).order
    fitting = fitted(refused, RULES)
    assert fitting is not None
    assert fitting.quantity == D("0.50")
    assert fitted(known(Purpose.ENTRY, "0.005", OrderStatus.REJECTED, price=D(100)).order, RULES) is None
