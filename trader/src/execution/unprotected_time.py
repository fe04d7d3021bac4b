"""How long a position stands without an order that protects it, in wall seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.positions.model import Cycle, Fill
from shared.src.domain.clock import Clock
from trader.src.execution import metrics


class Exposure:
    """Starts when a fill is known, ends when a protection stands or the position is gone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.now()
        self._since: dict[str, float] = {}

    def start(self, cycle_id: str) -> None:
        self._since.setdefault(cycle_id, self._clock.monotonic())

    def measured(self, cycle: Cycle, *, read_at: float, exposed: bool, protected: bool, fills: Sequence[Fill]) -> Cycle:
        """The cycle with its unprotected time as it is known now.

        ``read_at``: the monotonic time before the cycle and its orders were read; a fill that came since is not judged
        by them. ``protected``: its protection stands.
        """
        if exposed:
            self._since.setdefault(cycle.id, self._clock.monotonic() - self._unseen_s(cycle, fills))
            return cycle
        if self._since.get(cycle.id, read_at) > read_at:
            return cycle
        since = self._since.pop(cycle.id, None)
        if since is None and protected and cycle.protected_at is None and fills:
            # protected in an earlier life that ended before it wrote so: not longer than since the last fill
            since = self._clock.monotonic() - self._unseen_s(cycle, fills)
        if since is None:
            return cycle
        elapsed = self._clock.monotonic() - since
        metrics.UNPROTECTED_S.observe(elapsed)
        return replace(
            cycle,
            unprotected_s=round(cycle.unprotected_s + elapsed, 6),
            protected_at=cycle.protected_at or self._clock.now(),
        )

    def _unseen_s(self, cycle: Cycle, fills: Sequence[Fill]) -> float:
        """Wall seconds since the last fill, for a position found unprotected at start."""
        last = max((fill.at for fill in fills), default=self._started)
        if cycle.protected_at is not None or cycle.created_at >= self._started:
            return 0.0
        market_s = (self._clock.now() - last).total_seconds()
        return max(0.0, market_s / self._clock.speed)
