"""Where exits stand, and which orders hold them there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.positions.cycle_steps import Protect, Shape
from core.positions.model import CycleState, Order, Purpose
from core.positions.protection import Beyond, Protection, protection, settled
from core.positions.rules import PositionRules
from core.positions.stops import StopRules
from core.risk.exit_levels import ExitRules
from shared.src.domain.errors import InvariantError
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.exchange.rules import SymbolRules
from tests.unit.core.positions.cycles import NOW, PRICE, RULES, known, state

D = Decimal
LIMITS = PositionRules(
    entry_age_max=timedelta(seconds=60),
    resting_max=timedelta(hours=1),
    exits=ExitRules(),
    stops=StopRules(),
    holding_max=timedelta(hours=1),
)
BOUGHT = known(Purpose.ENTRY, "2", OrderStatus.FILLED)
TRAILING = replace(RULES, trailing_allowed=True, trailing_below_min=50, trailing_below_max=2000)
PAIR = Protect(D("1.99"), Shape.PAIR)


def protect(
    step: Protect = PAIR,
    *,
    price: Decimal = PRICE,
    rules: SymbolRules = RULES,
    percent: Decimal | None = None,
    **facts: Any,
) -> Protection | Beyond:
    """Protect a position whose levels are settled at 98 and 104."""
    seen = state(BOUGHT, **({"stop_price": D(98), "take_profit_price": D(104)} | facts))
    return protection(seen, step, rules, price, NOW, stops=StopRules(trailing_percent=percent))


def stop_of(orders: Protection | Beyond) -> Order:
    assert isinstance(orders, Protection)
    return orders.stop


def test_levels_are_settled_once_at_the_entry_price_on_allowed_prices() -> None:
    cycle = replace(state(BOUGHT).cycle, entry_price=D("100.03"))
    once = settled(cycle, RULES, LIMITS)
    assert (once.stop_price, once.take_profit_price, once.levels_at) == (D("98.0"), D("104.1"), D("100.03"))
    assert settled(replace(once, entry_price=D(120)), RULES, LIMITS).stop_price == D("98.0")


def test_a_decided_stop_is_kept_although_the_entry_was_filled_beyond_it() -> None:
    cycle = replace(state(BOUGHT).cycle, entry_price=D(97), stop_price=D("98.07"))
    assert settled(cycle, RULES, LIMITS).stop_price == D("98.0")
    assert protect(price=D(97)) == Beyond(Purpose.STOP_LOSS)


def test_a_cycle_that_bought_nothing_has_no_levels_yet() -> None:
    cycle = state().cycle
    assert settled(cycle, RULES, LIMITS) is cycle


def test_a_pair_sells_one_quantity_at_a_target_above_and_a_stop_below() -> None:
    orders = protect()
    assert isinstance(orders, Protection)
    assert orders.target is not None
    stop, target = orders.stop, orders.target
    assert (stop.type, stop.stop_price, stop.price) == (OrderType.STOP_LOSS_LIMIT, D(98), D("93.1"))
    assert (target.type, target.price) == (OrderType.LIMIT_MAKER, D(104))
    assert {(order.side, order.quantity, order.attempt) for order in (stop, target)} == {(Side.SELL, D("1.99"), 1)}
    assert len({stop.client_order_id, target.client_order_id, orders.list_id}) == 3


@pytest.mark.parametrize(
    "alone",
    [protect(Protect(D(2), Shape.STOP)), protect(rules=replace(RULES, oco_allowed=False))],
    ids=["asked for", "pairs are not allowed"],
)
def test_a_stop_stands_alone_when_it_is(alone: Protection | Beyond) -> None:
    assert isinstance(alone, Protection)
    assert (alone.target, alone.list_id, alone.stop.stop_price) == (None, "", D(98))


@pytest.mark.parametrize(
    ("price", "level"),
    [("97", Purpose.STOP_LOSS), ("98", Purpose.STOP_LOSS), ("104", Purpose.TAKE_PROFIT), ("105", Purpose.TAKE_PROFIT)],
)
def test_a_level_that_the_price_has_passed_is_not_sent(price: str, level: Purpose) -> None:
    assert protect(price=D(price)) == Beyond(level)


def test_a_stop_sells_at_market_where_the_symbol_has_that_so_that_a_gap_does_not_pass_it() -> None:
    stop = stop_of(protect(rules=replace(RULES, order_types=frozenset({"STOP_LOSS"}))))
    assert (stop.type, stop.stop_price, stop.price, stop.time_in_force) == (OrderType.STOP_LOSS, D(98), None, None)


def test_a_trailing_stop_takes_the_decisions_distance_before_the_settings() -> None:
    assert stop_of(protect(rules=TRAILING, percent=D(1))).trailing_delta == 100
    both = stop_of(protect(rules=TRAILING, percent=D(1), trailing_delta=150))
    assert (both.type, both.trailing_delta, both.price) == (OrderType.STOP_LOSS, 150, None)


def test_a_trailing_stop_stays_within_what_the_symbol_allows() -> None:
    assert stop_of(protect(rules=TRAILING, trailing_delta=10)).trailing_delta == 50
    assert stop_of(protect(rules=TRAILING, trailing_delta=9000, stop_price=D(50))).trailing_delta == 2000
    assert stop_of(protect(trailing_delta=150)).type is OrderType.STOP_LOSS_LIMIT


@pytest.mark.parametrize(
    ("price", "highest", "expected"),
    [
        ("100", None, (D(98), None)),  # 5 % behind is farther than the decided stop, which stays
        ("103", "103.1", (D(98), None)),
        ("103.5", "103.5", (None, 500)),  # 98.325: nearer by now
        ("102", "103.5", (D("98.3"), None)),  # trailing from here would stand at 96.9
    ],
)
def test_a_trailing_stop_never_stands_under_the_decided_one_or_where_it_stood_before(
    price: str, highest: str | None, expected: tuple[Decimal | None, int | None]
) -> None:
    most = None if highest is None else D(highest)
    stop = stop_of(protect(price=D(price), rules=TRAILING, percent=D(5), max_price=most))
    assert (stop.stop_price, stop.trailing_delta) == expected


def test_nothing_trails_while_nobody_bids() -> None:
    seen = state(BOUGHT, stop_price=D(98), take_profit_price=D(104))
    orders = protection(seen, PAIR, TRAILING, None, NOW, stops=StopRules(trailing_percent=D(1)))
    assert (stop_of(orders).stop_price, stop_of(orders).trailing_delta) == (D(98), None)


def test_a_position_that_fell_back_to_where_its_stop_had_risen_is_sold() -> None:
    assert protect(price=D("98.2"), rules=TRAILING, percent=D(5), max_price=D("103.5")) == Beyond(Purpose.STOP_LOSS)


def test_another_attempt_has_other_ids() -> None:
    refused = known(Purpose.STOP_LOSS, "2", OrderStatus.REJECTED, reject_code=-2010)
    seen = state(BOUGHT, refused, stop_price=D(98), take_profit_price=D(104))
    again = stop_of(protection(seen, PAIR, RULES, PRICE, NOW, stops=StopRules()))
    assert (again.attempt, again.client_order_id) != (1, stop_of(protect()).client_order_id)


def test_a_position_without_levels_is_an_error_of_ours() -> None:
    seen: CycleState = state(BOUGHT)
    with pytest.raises(InvariantError):
        protection(seen, PAIR, RULES, PRICE, NOW, stops=StopRules())


@pytest.mark.parametrize("missing", ["stop_price", "take_profit_price"])
def test_a_position_with_one_level_only_is_no_position_to_protect(missing: str) -> None:
    without: dict[str, Any] = {missing: None}
    with pytest.raises(InvariantError, match="without exit levels"):
        protect(**without)


def test_rules_that_ask_for_nothing_never_act() -> None:
    assert not StopRules().may_act(state(BOUGHT).cycle)
    assert StopRules().may_act(state(BOUGHT, trailing_delta=50).cycle)
    assert StopRules(break_even_percent=D(1)).may_act(state(BOUGHT).cycle)
