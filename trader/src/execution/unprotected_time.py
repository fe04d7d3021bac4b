"""Since when positions stand unprotected, remembered and measured; the rule is ``core.positions.unprotected_time``."""

from __future__ import annotations

from core.positions.model import Cycle
from core.positions.unprotected_time import Moment, Sight, measured
from shared.src.domain.clock import Clock
from trader.src.execution import metrics


class UnprotectedTime:
    """Adds to the rule a memory, the clock and the metric."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now()
        self._since: dict[str, float] = {}

    def start(self, cycle_id: str) -> None:
        """An entry was filled just now."""
        self._since.setdefault(cycle_id, self._clock.monotonic())

    def measured(self, sight: Sight) -> Cycle:
        """The cycle with its unprotected time as it is known now."""
        clock = self._clock
        moment = Moment(now=clock.now(), monotonic=clock.monotonic(), speed=clock.speed, began=self._began)
        result = measured(sight, self._since.pop(sight.cycle.id, None), moment)
        if result.since is not None:
            self._since[sight.cycle.id] = result.since
        if result.elapsed_s is not None:
            metrics.UNPROTECTED_S.observe(result.elapsed_s)
        return result.cycle
