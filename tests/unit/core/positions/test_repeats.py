"""A protection that got no answer is sent again only where the exchange takes one of the two requests."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.positions.model import CycleState, Order, Purpose
from core.positions.repeats import Repeat, is_repeatable, pair_id, repeat_of
from shared.src.domain.orders import OrderStatus, OrderType
from tests.unit.core.positions.cycles import RULES, Known, known, state

BOUGHT = known(Purpose.ENTRY, "2", OrderStatus.FILLED)
UNKNOWN = OrderStatus.UNKNOWN


def stop(status: OrderStatus, quantity: str = "2", number: int = 1, *, cancel_asked: bool = False) -> Known:
    return known(Purpose.STOP_LOSS, quantity, status, number=number, cancel_asked=cancel_asked)


def target(status: OrderStatus, quantity: str = "2", number: int = 1) -> Known:
    return known(Purpose.TAKE_PROFIT, quantity, status, number=number)


def repeated(view: CycleState) -> Repeat | None:
    lost: Order = next(order for order in view.orders if order.is_unresolved)
    return repeat_of(view, lost, RULES)


def test_a_pair_is_sent_again_as_the_same_pair() -> None:
    view = state(BOUGHT, target(UNKNOWN), stop(UNKNOWN))
    again = repeated(view)
    assert again is not None
    assert (again.stop, again.target, again.old) == (view.orders[2], view.orders[1], None)
    assert again.list_id == pair_id("cycle", 1)


def test_a_stop_in_the_place_of_another_is_sent_again_in_its_place() -> None:
    view = state(BOUGHT, stop(OrderStatus.NEW, cancel_asked=True), stop(UNKNOWN, number=2))
    again = repeated(view)
    assert again is not None
    assert (again.stop, again.old) == (view.orders[2], view.orders[1])


def test_a_stop_whose_predecessor_is_gone_is_sent_again_alone() -> None:
    again = repeated(state(BOUGHT, stop(OrderStatus.CANCELED, cancel_asked=True), stop(UNKNOWN, number=2)))
    assert again is not None
    assert again.old is None


@pytest.mark.parametrize(
    "view",
    [
        state(BOUGHT, stop(OrderStatus.NEW), stop(UNKNOWN, number=2)),
        state(BOUGHT, stop(OrderStatus.FILLED), stop(UNKNOWN, number=2)),
        state(BOUGHT, stop(UNKNOWN, "2.5")),
    ],
    ids=["another stop covers it", "it was sold", "it is more than is held"],
)
def test_what_the_position_does_not_need_any_more_is_not_sent_again(view: CycleState) -> None:
    assert repeated(view) is None


def test_only_what_stays_in_the_book_may_be_repeated() -> None:
    kinds = [stop(UNKNOWN), target(UNKNOWN), BOUGHT, known(Purpose.EXIT, "2", UNKNOWN)]
    assert [is_repeatable(item.order) for item in kinds] == [True, True, False, False]
    part = known(Purpose.TAKE_PROFIT, "1", UNKNOWN, type=OrderType.MARKET, price=Decimal(110))
    assert not is_repeatable(part.order)
