"""Completed cycles are valued once, at the prices of their end; what nobody can price is asked again."""

from __future__ import annotations

from datetime import datetime

from core.statistics.conversion import CycleValue, UnvaluedCycle, cycle_value
from portfolio.src.ports import BEGINNING, CycleValues, DatedPrices
from shared.src.domain.clock import Clock

BATCH = 200


class CycleValuer:
    """Adds to ``core.statistics.conversion`` the looks for new cycles, the prices, and the rows that are kept."""

    def __init__(self, values: CycleValues, prices: DatedPrices, clock: Clock, *, quote_asset: str) -> None:
        self._values = values
        self._prices = prices
        self._clock = clock
        self._quote = quote_asset
        self._caught_up = False

    async def update(self, since: datetime) -> datetime | None:
        """Value what was completed since then; answers when the first cycle that is known by this ended, None for none.

        The first time, everything is looked at that was ever completed, and sums begin to be in the quote asset.

        Raises:
            TransientError: the store or the prices are away.
        """
        if not self._caught_up:
            await self._values.valued_in(self._quote)
            since = BEGINNING
        found = await self._values.unvalued(self._quote, since=since, limit=BATCH)
        values = [await self._value(cycle) for cycle in found]
        if values:
            await self._values.write(values, self._clock.now())
        self._caught_up = self._caught_up or len(found) < BATCH
        known = {value.cycle_id for value in values if value.is_known}
        return min((cycle.completed_at for cycle in found if cycle.cycle_id in known), default=None)

    async def _value(self, cycle: UnvaluedCycle) -> CycleValue:
        prices = {} if cycle.assets == {self._quote} else await self._prices.at(cycle.assets, cycle.completed_at)
        return cycle_value(cycle, self._quote, prices)
