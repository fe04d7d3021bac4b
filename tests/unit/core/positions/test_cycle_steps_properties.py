"""Whatever became of a position's orders, no decision sells what is not held or forgets what is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.positions.cycle_facts import holding
from core.positions.cycle_steps import (
    Cancel,
    Collect,
    CycleRules,
    Finish,
    LookUp,
    Protect,
    Reopen,
    ReplaceBySale,
    ReplaceByStop,
    Resolve,
    Sell,
    Wait,
)
from core.positions.model import CycleState, Purpose
from core.positions.position import Position
from core.positions.refusals import sale_again_at
from core.positions.standing import locked, standing_exits
from shared.src.domain.money import ZERO
from shared.src.domain.orders import TERMINAL, UNRESOLVED, CycleStatus, OrderStatus, OrderType, Side
from tests.unit.core.positions.cycles import NOW, RULES, Known, known, state

STEPS = CycleRules(entry_age_max=timedelta(0))
QUANTITIES = st.decimals("0.01", "60", places=2)
RESOLVED = st.sampled_from([status for status in OrderStatus if status not in UNRESOLVED])
SALES = st.sampled_from([Purpose.EXIT, Purpose.STOP_LOSS, Purpose.TAKE_PROFIT])
FILTERS = ("Filter failure: NOTIONAL", "Filter failure: LOT_SIZE", "Filter failure: PRICE_FILTER")
REFUSALS = st.sampled_from([(None, "lost"), (-2010, "refused"), *((-1013, reason) for reason in FILTERS)])


@st.composite
def orders(draw: st.DrawFn, purposes: st.SearchStrategy[Purpose], *, settled: bool) -> Known:
    """An order as it may stand: a rejected one executed nothing, a filled one everything."""
    quantity = draw(QUANTITIES)
    status = draw(RESOLVED if settled else st.sampled_from(OrderStatus))
    code, reason = draw(REFUSALS) if status is OrderStatus.REJECTED else (None, "")
    executed = draw(st.decimals(0, quantity, places=2))
    if status is OrderStatus.FILLED:
        executed = quantity
    elif status in {OrderStatus.REJECTED, OrderStatus.NEW} | UNRESOLVED:
        executed = ZERO
    booked = executed if settled else draw(st.decimals(0, executed, places=2))
    return known(
        draw(purposes),
        str(quantity),
        status,
        executed=str(executed),
        booked=str(booked),
        reject_code=code,
        reason=reason,
        number=draw(st.integers(1, 4)),
    )


@st.composite
def cycles(draw: st.DrawFn, *, ended: bool = False, leaves: bool | None = None) -> CycleState:
    """A cycle that bought at least what it sold: the exchange sees to that."""
    settled = draw(st.integers(0, 3)) > 0
    entries = draw(st.lists(orders(st.just(Purpose.ENTRY), settled=settled), max_size=2))
    kind = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT]))
    entries = [replace(item, order=replace(item.order, type=kind)) for item in entries]
    sales = draw(st.lists(orders(SALES, settled=settled), max_size=4))
    short = sum((item.booked for item in sales), ZERO) - sum((item.booked for item in entries), ZERO)
    if short > 0:
        entries.append(known(Purpose.ENTRY, str(short), OrderStatus.FILLED))
    named = [
        replace(item, order=replace(item.order, client_order_id=f"order-{number}"))
        for number, item in enumerate(entries + sales)
    ]
    return state(
        *named,
        status=CycleStatus.COMPLETED if ended else CycleStatus.ACTIVE_BUY,
        exit_reason="signal" if (draw(st.booleans()) if leaves is None else leaves) else "",
        sell_at_most=draw(st.none() | st.decimals(0, 60, places=2)),
    )


PRICES = st.decimals("0.5", "200", places=1)


@given(seen=cycles(), price=PRICES)
def test_no_decision_sells_more_than_is_held_or_than_the_exchange_has(seen: CycleState, price: Decimal) -> None:
    step = STEPS.next_step(seen, RULES, price, NOW)
    if isinstance(step, Sell | Protect | ReplaceByStop | ReplaceBySale):
        most = seen.cycle.sell_at_most
        assert ZERO < step.quantity <= holding(seen, RULES)
        assert most is None or step.quantity <= most
        assert not RULES.refusal(step.quantity, price, market=True)


@given(seen=cycles(), price=PRICES)
def test_nothing_is_sold_twice(seen: CycleState, price: Decimal) -> None:
    """What an order is made for is held beside all that other orders stand for; a sale on its way is waited for."""
    step = STEPS.next_step(seen, RULES, price, NOW)
    if not isinstance(step, Sell | Protect | ReplaceByStop | ReplaceBySale):
        return
    assert all(order.status in TERMINAL or order.is_protection for order in seen.of(Side.SELL))
    old = step.old.attempt if isinstance(step, ReplaceByStop | ReplaceBySale) else None
    others = [item for item in standing_exits(seen) if item.leg.attempt != old]
    assert step.quantity + locked(others) <= holding(seen, RULES)


@given(seen=cycles(), price=PRICES)
def test_no_position_is_over_while_it_holds_more_than_its_cost_explains(seen: CycleState, price: Decimal) -> None:
    step = STEPS.next_step(seen, RULES, price, NOW)
    if not isinstance(step, Finish):
        return
    assert all(order.status in TERMINAL for order in seen.orders)
    position = Position.of(seen.fills, RULES.base)
    assert seen.cycle.dust_cost_max is not None
    assert position.held * (position.entry_price or ZERO) <= seen.cycle.dust_cost_max


@given(seen=cycles(), price=PRICES)
def test_nothing_is_decided_on_facts_that_are_not_known(seen: CycleState, price: Decimal) -> None:
    """An order without an answer is asked for, fills without a booking are fetched, before anything else."""
    step = STEPS.next_step(seen, RULES, price, NOW)
    open_questions = any(order.is_unresolved or order.executed_quantity > seen.booked(order) for order in seen.orders)
    assert isinstance(step, Resolve | Collect) is open_questions


@given(seen=cycles(ended=True), price=PRICES)
def test_an_ended_cycle_is_left_alone_until_a_fill_comes(seen: CycleState, price: Decimal) -> None:
    step = STEPS.next_step(seen, RULES, price, NOW)
    assert isinstance(step, Wait | Resolve | LookUp | Collect | Reopen)
    assert not isinstance(step, Reopen) or holding(seen, RULES) > seen.cycle.dust


@given(seen=cycles(leaves=True), price=PRICES)
def test_a_position_that_is_left_is_protected_only_after_a_refused_sale_and_its_entries_are_called_off(
    seen: CycleState, price: Decimal
) -> None:
    step = STEPS.next_step(seen, RULES, price, NOW)
    refused = sale_again_at(seen.orders)
    assert not isinstance(step, Protect) or (refused is not None and refused > NOW)
    if any(order.is_open for order in seen.of(Side.BUY)):
        assert isinstance(step, Resolve | Collect | Cancel)
