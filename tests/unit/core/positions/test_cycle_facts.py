"""What follows for a cycle from its orders and fills."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.positions.cycle_facts import refreshed
from core.positions.model import Purpose
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType
from tests.unit.core.positions.cycles import NOW, RULES, known, state

BOUGHT = known(Purpose.ENTRY, "2", OrderStatus.FILLED)
SECOND = timedelta(seconds=1)


def test_a_position_is_open_since_its_first_fill() -> None:
    seen = state(BOUGHT, known(Purpose.EXIT, "1", OrderStatus.FILLED))
    first, last = seen.fills
    told = replace(seen, fills=(replace(last, at=NOW - SECOND), replace(first, at=NOW - 3 * SECOND)))
    assert refreshed(told, RULES, NOW).opened_at == NOW - 3 * SECOND
    assert refreshed(told, RULES, NOW + SECOND).opened_at == NOW - 3 * SECOND


def test_a_fill_that_the_exchange_dates_in_our_future_opens_now() -> None:
    seen = state(BOUGHT)
    ahead = replace(seen, fills=(replace(seen.fills[0], at=NOW + SECOND),))
    assert refreshed(ahead, RULES, NOW).opened_at == NOW


def test_a_cycle_buys_as_long_as_any_of_its_entries_is_open() -> None:
    lost = known(Purpose.ENTRY, "2", OrderStatus.REJECTED)
    again = known(Purpose.ENTRY, "2", OrderStatus.NEW, number=2, type=OrderType.LIMIT)
    assert refreshed(state(lost, again), RULES, NOW).status is CycleStatus.WAITING_BUY
    assert refreshed(state(lost), RULES, NOW).status is not CycleStatus.WAITING_BUY
