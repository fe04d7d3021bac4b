"""From when to when a position counts as unprotected."""

from __future__ import annotations

from core.positions.model import Cycle
from shared.memory.manual_clock import ManualClock
from shared.src.domain.orders import CycleStatus
from trader.src.execution.unprotected_time import Exposure


def test_a_fill_that_came_after_the_orders_were_read_is_not_taken_for_protected() -> None:
    clock = ManualClock()
    cycle = Cycle("cy", "in", "BTCUSDC", "S", CycleStatus.ACTIVE_BUY, clock.now())
    exposure = Exposure(clock)

    read_at = clock.monotonic()
    clock.advance(1)
    exposure.start(cycle.id)
    stale = exposure.measured(cycle, read_at=read_at, exposed=False, protected=False, fills=())
    assert stale.protected_at is None

    clock.advance(2)
    read_at = clock.monotonic()
    exposed = exposure.measured(stale, read_at=read_at, exposed=True, protected=False, fills=())
    assert exposed.protected_at is None

    clock.advance(3)
    protected = exposure.measured(exposed, read_at=clock.monotonic(), exposed=False, protected=True, fills=())
    assert protected.protected_at == clock.now()
    assert protected.unprotected_s == 5
