"""Where periods begin, and what belongs to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from core.statistics.periods import Period, PeriodKey, day_start, period_results, period_start
from core.statistics.results import CycleResult

SUNDAY = datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC)
MONDAY = datetime(2026, 2, 2, tzinfo=UTC)


def test_a_day_begins_at_midnight_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert day_start(datetime(2026, 2, 2, 0, 30, tzinfo=berlin)) == datetime(2026, 2, 1, tzinfo=UTC)
    assert day_start(MONDAY) == MONDAY


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert period_start(Period.WEEKLY, SUNDAY) == datetime(2026, 1, 26, tzinfo=UTC)
    assert period_start(Period.WEEKLY, MONDAY) == MONDAY
    assert period_start(Period.MONTHLY, SUNDAY) == datetime(2026, 2, 1, tzinfo=UTC)
    assert period_start(Period.DAILY, SUNDAY) == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_cycle_counts_for_all_for_its_strategy_and_for_its_symbol() -> None:
    fees, volume = Decimal("0.2"), Decimal(200)
    earned = CycleResult("cross", "BTCUSDC", SUNDAY, Decimal(10), fees, volume)
    lost = CycleResult("touch", "BTCUSDC", MONDAY, Decimal(-4), fees, volume)
    results = period_results(Period.MONTHLY, [earned, lost])
    start = datetime(2026, 2, 1, tzinfo=UTC)
    assert {(key.strategy, key.symbol): each.profit_loss for key, each in results.items()} == {
        ("", ""): 6,
        ("cross", ""): 10,
        ("touch", ""): -4,
        ("", "BTCUSDC"): 6,
        ("cross", "BTCUSDC"): 10,
        ("touch", "BTCUSDC"): -4,
    }
    assert len(period_results(Period.WEEKLY, [earned, lost])) == 8
    assert results[PeriodKey(Period.MONTHLY, start)].wins == 1
