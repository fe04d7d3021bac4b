"""How a sale by hand is shared among the positions whose protection the operator took off."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.positions.by_hand import spread, with_hand_sales
from core.positions.model import CycleState, HandSale, Order, Purpose
from core.positions.position import Position
from shared.src.domain.orders import OrderStatus
from tests.unit.core.positions.cycles import Known, known, state

D = Decimal
BASE = "BTC"


def position(name: str, held: str, *others: Known, taken_off: bool = True) -> CycleState:
    status = OrderStatus.CANCELED if taken_off else OrderStatus.NEW
    entry, stop = known(Purpose.ENTRY, held, OrderStatus.FILLED), known(Purpose.STOP_LOSS, held, status)
    view = state(entry, stop, *others)
    return replace(view, cycle=replace(view.cycle, id=name))


def sale(quantity: str, status: OrderStatus = OrderStatus.FILLED, executed: str | None = None) -> Order:
    return known(Purpose.EXTERNAL, quantity, status, executed=executed, number=9, cycle_id=None).order


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (sale("3"), {"first": ("0", "3")}),
        (sale("4"), {"first": ("0", "4")}),
        (sale("5.5"), {"first": ("0", "4"), "third": ("4", "1.5")}),
        (sale("9"), {"first": ("0", "4"), "third": ("4", "2")}),
        (sale("9", OrderStatus.EXPIRED, executed="1"), {"first": ("0", "1")}),
        (sale("5", OrderStatus.NEW), {"first": ("0", "4"), "third": ("4", "1")}),
    ],
)
def test_the_oldest_position_is_sold_first_and_what_is_left_over_is_the_operators_own(
    order: Order, expected: dict[str, tuple[str, str]]
) -> None:
    views = [position("first", "4"), position("protected", "8", taken_off=False), position("third", "2")]
    parts = {view.cycle.id: (str(part.skipped), str(part.quantity)) for view, part in spread(order, views, BASE)}
    assert parts == expected


def test_a_sale_for_another_currency_sells_positions_whose_rate_is_known() -> None:
    elsewhere = replace(sale("9"), symbol="BTCEUR")
    (known_rate,) = spread(elsewhere, [position("first", "4")], BASE, {"BTCUSDC": D("1.25")})
    assert known_rate[1] == HandSale("external-9", D(0), D(4), D("1.25"))
    assert spread(elsewhere, [position("first", "4")], BASE) == []


def test_what_another_sale_is_to_sell_is_not_sold_twice() -> None:
    rests = known(Purpose.EXTERNAL, "3", OrderStatus.NEW, number=5)
    ((_, part),) = spread(sale("4"), [position("first", "4", rests)], BASE)
    assert part.quantity == 1


def test_a_position_has_its_part_of_each_fill_of_the_sale() -> None:
    whole = known(Purpose.EXTERNAL, "6", OrderStatus.PARTIALLY_FILLED, executed="5", number=9)
    one, two = known(Purpose.EXTERNAL, "3", OrderStatus.FILLED), known(Purpose.EXTERNAL, "2", OrderStatus.FILLED)
    fills = [replace(fill, client_order_id="external-9") for fill in state(one, two).fills]
    view = position("second", "4")
    view = replace(view, cycle=replace(view.cycle, hand_sales=(HandSale("external-9", D(2), D(4)),)))
    seen = with_hand_sales(view, [whole.order], fills)
    (sold,) = (order for order in seen.orders if order.purpose is Purpose.EXTERNAL)
    assert (sold.quantity, sold.executed_quantity, sold.status) == (D(4), D(3), OrderStatus.PARTIALLY_FILLED)
    assert [fill.quantity for fill in seen.fills if fill.client_order_id == "external-9"] == [1, 2]
    assert Position.of(seen.fills, BASE).held == 1
    assert seen.booked(sold) == 3
