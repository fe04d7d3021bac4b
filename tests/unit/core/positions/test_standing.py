"""What stands on the exchange for a position, by what is known of its orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.positions.model import Purpose
from core.positions.standing import covered, is_bereft, locked, standing_exits
from shared.src.domain.orders import OrderStatus
from tests.unit.core.positions.cycles import Known, known, state

D = Decimal
NEW, PARTLY, EXPIRED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.EXPIRED
BOUGHT = known(Purpose.ENTRY, "2", OrderStatus.FILLED)


def stop(status: OrderStatus, quantity: str = "2", number: int = 1) -> Known:
    return known(Purpose.STOP_LOSS, quantity, status, number=number)


def target(status: OrderStatus, executed: str = "0", number: int = 1) -> Known:
    return known(Purpose.TAKE_PROFIT, "2", status, executed=executed, number=number)


def test_the_legs_of_a_pair_hold_the_same_units_the_larger_of_them_counts() -> None:
    standing = standing_exits(state(BOUGHT, target(NEW), stop(NEW, "1.5")))
    assert (locked(standing), covered(standing)) == (D(2), D("1.5"))


def test_several_attempts_add_up_and_a_target_covers_nothing() -> None:
    standing = standing_exits(state(BOUGHT, stop(NEW, "0.5"), target(NEW, number=2)))
    assert [item.leg.attempt for item in standing] == [1, 2]
    assert (locked(standing), covered(standing)) == (D("2.5"), D("0.5"))


@pytest.mark.parametrize(
    ("orders", "named", "bereft"),
    [
        ((target(NEW), stop(EXPIRED)), 0, True),
        ((target(NEW), stop(NEW)), 0, False),
        ((target(PARTLY, "0.5"), stop(EXPIRED)), 0, False),
        ((target(NEW), stop(NEW), stop(EXPIRED, number=2)), 0, False),
        ((target(NEW), stop(EXPIRED), stop(NEW, number=2)), 0, True),
        ((target(NEW), stop(EXPIRED)), 1, False),
        ((target(NEW), target(EXPIRED, number=2)), 0, False),
    ],
    ids=[
        "its stop is gone",
        "its stop stands",
        "it is known to fill",
        "the stop of another attempt is gone",
        "its own stop is gone, another stands",
        "a stop is no target",
        "another target is gone",
    ],
)
def test_a_target_has_begun_to_fill_unnoticed_when(orders: tuple[Known, ...], named: int, bereft: bool) -> None:
    assert is_bereft(state(BOUGHT, *orders), orders[named].order) is bereft
