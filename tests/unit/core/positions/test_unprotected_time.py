"""From when to when a position counts as unprotected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.positions.model import Cycle, Fill
from core.positions.unprotected_time import Moment, Sight, measured
from shared.src.domain.orders import CycleStatus, Side

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CYCLE = Cycle("cy", "in", "BTCUSDC", "S", CycleStatus.ACTIVE_BUY, BEGAN)
ONE = Decimal(1)
FILL = Fill("BTCUSDC", 1, "c", Side.BUY, ONE, ONE, ONE, Decimal(0), "BTC", Decimal(0), is_maker=False, at=BEGAN)
BARE = Sight(CYCLE, (FILL,), read_at=0.0, exposed=True, protected=False)
SAFE = Sight(CYCLE, (FILL,), read_at=0.0, exposed=False, protected=True)


def at(seconds: float, *, speed: float = 1.0, began: datetime = BEGAN) -> Moment:
    """So many wall seconds after a process began."""
    return Moment(BEGAN + timedelta(seconds=seconds * speed), seconds, speed, began)


def test_it_counts_from_the_fill_to_the_protection() -> None:
    bare = measured(BARE, 2.0, at(3))
    assert (bare.since, bare.cycle.protected_at) == (2.0, None)
    safe = measured(replace(SAFE, read_at=6.5), bare.since, at(7))
    assert (safe.since, safe.elapsed_s, safe.cycle.unprotected_s) == (None, 5.0, 5.0)
    assert safe.cycle.protected_at == BEGAN + timedelta(seconds=7)


def test_a_fill_that_came_after_the_rows_were_read_is_not_taken_for_protected() -> None:
    stale = measured(replace(SAFE, read_at=1.0, protected=False), 2.0, at(2.5))
    assert (stale.since, stale.cycle) == (2.0, CYCLE)


def test_a_position_that_grows_again_adds_to_its_time() -> None:
    once = replace(CYCLE, unprotected_s=5.0, protected_at=BEGAN + timedelta(seconds=7))
    again = measured(replace(SAFE, cycle=once, read_at=9.0), 8.0, at(10))
    assert again.cycle.unprotected_s == 7.0


def test_a_position_whose_stop_is_gone_is_not_protected_until_another_stands() -> None:
    once = replace(CYCLE, unprotected_s=5.0, protected_at=BEGAN + timedelta(seconds=7))
    bare = measured(replace(BARE, cycle=once), None, at(20))
    assert (bare.since, bare.cycle.protected_at) == (20.0, None)
    safe = measured(replace(SAFE, cycle=bare.cycle, read_at=21.0), bare.since, at(21))
    assert (safe.cycle.unprotected_s, safe.cycle.protected_at) == (6.0, BEGAN + timedelta(seconds=21))


def test_a_position_that_is_found_bare_at_start_counts_from_its_last_fill() -> None:
    """Market time runs ten times as fast: 60 s of it are 6 s of wall."""
    began = BEGAN + timedelta(seconds=60)
    found = measured(BARE, None, Moment(now=began, monotonic=100.0, speed=10.0, began=began))
    assert found.since == 94.0


def test_a_protection_that_an_earlier_process_did_not_write_down_is_at_most_as_old_as_the_last_fill() -> None:
    began = BEGAN + timedelta(seconds=60)
    found = measured(replace(SAFE, read_at=100.0), None, Moment(now=began, monotonic=100.0, speed=1.0, began=began))
    assert (found.elapsed_s, found.cycle.protected_at) == (60.0, began)


def test_a_position_of_which_nothing_is_new_stays_as_it_is() -> None:
    known = replace(CYCLE, protected_at=BEGAN)
    assert measured(replace(SAFE, cycle=known), None, at(5)).cycle is known
