"""What the operator did to a position's protection, by what is known of its orders."""

from __future__ import annotations

from core.positions.by_hand import is_taken_off, last_stop
from core.positions.model import Purpose
from shared.src.domain.orders import OrderStatus
from tests.unit.core.positions.cycles import known, state

NEW, CANCELED, FILLED = OrderStatus.NEW, OrderStatus.CANCELED, OrderStatus.FILLED
BOUGHT = known(Purpose.ENTRY, "2", FILLED)
FIRST = known(Purpose.STOP_LOSS, "2", CANCELED)


def test_only_the_stop_that_was_placed_last_says_whether_protection_was_taken_off() -> None:
    second = known(Purpose.STOP_LOSS, "2", NEW, number=2)
    seen = state(BOUGHT, FIRST, second)
    assert last_stop(seen.orders) == second.order
    assert not is_taken_off(seen)
    assert is_taken_off(state(BOUGHT, FIRST))


def test_a_stop_whose_own_target_began_to_fill_was_ended_by_the_exchange() -> None:
    own = known(Purpose.TAKE_PROFIT, "2", CANCELED, executed="0.5")
    assert not is_taken_off(state(BOUGHT, own, FIRST))


def test_a_target_of_an_earlier_attempt_that_filled_does_not_explain_a_canceled_stop() -> None:
    earlier = known(Purpose.TAKE_PROFIT, "2", CANCELED, executed="0.5", cancel_asked=True)
    last = known(Purpose.STOP_LOSS, "1.5", CANCELED, number=2)
    assert is_taken_off(state(BOUGHT, earlier, last))
