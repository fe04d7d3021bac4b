"""An order is where the exchange says it is, in whatever order and however often it says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.positions.lifecycle import adopted, external_id, is_disproved, merged
from core.positions.model import Order, Purpose
from shared.src.domain.clock import to_ms
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.exchange.models import ExchangeOrder
from tests.unit.core.positions.cycles import NOW, known

NEW, PARTLY, FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
CANCELED, EXPIRED, REJECTED = OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED
ENTRY = known(Purpose.ENTRY, "2", OrderStatus.INTENT, exchange_order_id=None).order


def report(status: OrderStatus, executed: str = "0", *, time_ms: int = 0) -> ExchangeOrder:
    return ExchangeOrder(
        symbol="BTCUSDC",
        order_id=7,
        client_order_id="entry-1",
        side=Side.BUY,
        type=OrderType.MARKET,
        status=status,
        quantity=Decimal(2),
        executed_quantity=Decimal(executed),
        executed_quote=Decimal(executed) * 100,
        price=None,
        stop_price=None,
        time_in_force="",
        order_list_id=None,
        time_ms=time_ms,
    )


LIVES = [
    [report(NEW), report(PARTLY, "0.5"), report(PARTLY, "1.5"), report(FILLED, "2")],
    [report(NEW), report(PARTLY, "0.5"), report(CANCELED, "0.5")],
    [report(NEW), report(EXPIRED)],
    [report(FILLED, "2")],
]
HEARD = st.sampled_from(LIVES).flatmap(lambda life: st.tuples(st.just(life), st.permutations([*life, *life]).map(list)))


def after(order: Order, reports: list[ExchangeOrder]) -> Order:
    for item in reports:
        order = merged(order, item)
    return order


@given(heard=HEARD)
def test_reports_in_any_order_and_twice_come_to_the_same(
    heard: tuple[list[ExchangeOrder], list[ExchangeOrder]],
) -> None:
    life, mixed = heard
    told = after(ENTRY, life)
    assert (told.status, told.executed_quantity) == (life[-1].status, life[-1].executed_quantity)
    assert after(ENTRY, mixed) == told


def test_an_order_that_executed_in_full_is_filled_whatever_its_report_says() -> None:
    assert merged(ENTRY, report(PARTLY, "2")).status is FILLED


@pytest.mark.parametrize(("code", "status"), [(None, NEW), (-2010, REJECTED)], ids=["our conclusion", "its word"])
def test_only_our_own_conclusion_that_it_never_arrived_can_be_proved_wrong(
    code: int | None, status: OrderStatus
) -> None:
    lost = replace(ENTRY, status=REJECTED, reject_code=code)
    assert is_disproved(lost) is (code is None)
    assert merged(lost, report(NEW)).status is status


def test_an_order_of_somebody_else_is_labelled_and_has_an_id_of_its_own() -> None:
    order = adopted(report(PARTLY, "1"), NOW)
    assert (order.purpose, order.cycle_id, order.created_at) == (Purpose.EXTERNAL, None, NOW)
    assert order.client_order_id == external_id(report(NEW)) == "ext-BTCUSDC-7"
    earlier = NOW - timedelta(hours=1)
    assert adopted(report(NEW, time_ms=to_ms(earlier)), NOW).created_at == earlier


@pytest.mark.parametrize(
    ("known_as", "told", "then"),
    [
        (PARTLY, NEW, PARTLY),
        (NEW, PARTLY, PARTLY),
        (OrderStatus.UNKNOWN, NEW, NEW),
        (OrderStatus.SENT, PARTLY, PARTLY),
        (CANCELED, NEW, CANCELED),
        (NEW, EXPIRED, EXPIRED),
    ],
)
def test_of_two_states_the_later_one_counts(known_as: OrderStatus, told: OrderStatus, then: OrderStatus) -> None:
    assert merged(replace(ENTRY, status=known_as), report(told)).status is then


def test_an_order_of_somebody_else_keeps_how_long_it_lasts_and_is_a_first_attempt() -> None:
    assert adopted(replace(report(NEW), time_in_force="GTC"), NOW).time_in_force == "GTC"
    assert adopted(report(NEW), NOW).time_in_force is None
    assert adopted(report(NEW), NOW).attempt == 1
