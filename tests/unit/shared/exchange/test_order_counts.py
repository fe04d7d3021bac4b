"""Entries leave a part of what the exchange allows to exits."""

from __future__ import annotations

from shared.memory.manual_clock import ManualClock
from shared.src.exchange.order_counts import OrderCounts

LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
]


def counted(**headers: str) -> tuple[OrderCounts, ManualClock]:
    clock = ManualClock()
    counts = OrderCounts(clock)
    counts.learn(LIMITS)
    clock.advance(3)
    counts.observe({f"x-mbx-order-count-{name}": value for name, value in headers.items()})
    return counts, clock


def test_entries_go_on_while_most_of_the_limit_is_left() -> None:
    counts, _ = counted(**{"10s": "79", "1d": "159999"})
    assert counts.entries_wait_s() == 0


def test_entries_wait_until_the_interval_ends() -> None:
    counts, clock = counted(**{"10s": "80"})
    assert counts.entries_wait_s() == 7
    clock.advance(7)
    assert counts.entries_wait_s() == 0


def test_a_day_that_is_used_up_lasts_until_it_ends() -> None:
    counts, _ = counted(**{"10s": "1", "1d": "160000"})
    assert counts.entries_wait_s() == 24 * 3600 - 3


def test_a_count_without_a_known_limit_stops_nobody() -> None:
    clock = ManualClock()
    counts = OrderCounts(clock)
    counts.observe({"X-MBX-ORDER-COUNT-10S": "1000", "Content-Type": "application/json"})
    assert counts.entries_wait_s() == 0
