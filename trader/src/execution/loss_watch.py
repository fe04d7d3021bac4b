"""What was lost so far: looked at before every entry and now and then, remembered in the database, never from balances.

``core.risk.loss`` measures. This asks for the prices, keeps the last one of a symbol for the moments in which nobody
offers to buy, and remembers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from core.positions.model import Cycle
from core.risk.account import Losses
from core.risk.loss import LossMark, TradingResult, converted, looked, open_result, unconvertible
from core.statistics.periods import day_start
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from trader.src.ports import Prices, RiskFacts, Store

logger = logging.getLogger(__name__)


class LossWatch:
    """``since`` says from when on the results are needed that ``look`` takes; ``last`` is what the last look found,
    ``unpriced`` the symbols whose positions were taken at their cost, for want of any price.
    """

    def __init__(self, *, store: Store, prices: Prices, clock: Clock, quote_asset: str) -> None:
        self._store = store
        self._prices = prices
        self._clock = clock
        self._quote = quote_asset
        self._mark: LossMark | None = None
        self._kept: LossMark | None = None
        self._bids: dict[str, Decimal] = {}
        self._one_at_a_time = asyncio.Lock()
        self.unpriced: tuple[str, ...] = ()
        self.last = Losses(unknown="nobody looked yet")

    async def since(self) -> datetime:
        """When the day began that is remembered."""
        return (await self._known()).day

    async def look(
        self, facts: RiskFacts, since: datetime, *, capital: Decimal, rates: Mapping[str, Decimal]
    ) -> Losses:
        """The losses now. ``since``: from when on ``facts`` has results. ``capital``: without what the open positions
        have won or lost since they were opened.
        """
        async with self._one_at_a_time:
            mark = await self._known()
            # another look may have begun a new day meanwhile
            ended = facts.results if since == mark.day else await self._results(mark.day)
            self.last = await self._look(facts.cycles, ended, capital=capital, rates=rates)
        return self.last

    async def _look(
        self,
        cycles: Iterable[Cycle],
        ended: Mapping[str, Decimal],
        *,
        capital: Decimal,
        rates: Mapping[str, Decimal],
    ) -> Losses:
        now, mark = self._clock.now(), await self._known()
        bought = [cycle for cycle in cycles if cycle.entry_price is not None]
        today = ended if mark.day >= day_start(now) else await self._results(day_start(now))
        symbols = dict.fromkeys(cycle.symbol for cycle in bought)
        unknown = unconvertible([*symbols, *ended, *today], rates, self._quote)
        if unknown:
            missing = f"what {unknown} is worth in {self._quote} is not known"
            return Losses(unknown=f"the day's result cannot be told: {missing}")
        positions = open_result(bought, await self._bids_of(symbols), rates, self._quote)
        self._tell(positions.unpriced)
        found = TradingResult(
            equity=capital + positions.held,
            open=positions.total,
            ended=converted(ended, rates, self._quote),
            ended_today=converted(today, rates, self._quote),
        )
        self._mark = looked(mark, now, found)
        return self._mark.losses(now)

    def _tell(self, unpriced: tuple[str, ...]) -> None:
        for symbol in unpriced:
            if symbol not in self.unpriced:
                logger.error("position without a price, taken at its cost", extra={"symbol": symbol})
        self.unpriced = unpriced

    async def keep(self) -> None:
        """Remember what the last look found."""
        if self._mark is not None and self._mark != self._kept:
            await self._store.save_loss_mark(self._mark)
            self._kept = self._mark

    async def forgive(self, *, day: bool, peak: bool) -> None:
        """Measure the day's loss, or the drawdown, anew from now on."""
        async with self._one_at_a_time:
            self._mark = (await self._known()).forgiven(day=day, peak=peak)
            await self.keep()

    async def _known(self) -> LossMark:
        if self._mark is None:
            self._mark = self._kept = await self._store.loss_mark()
        return self._mark or LossMark(day_start(self._clock.now()))

    async def _results(self, since: datetime) -> Mapping[str, Decimal]:
        return (await self._store.risk_facts(since, approved_since=self._clock.now())).results

    async def _bids_of(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """What one unit could be sold for; what nobody offers now is taken at the last offer that was seen."""
        for symbol in symbols:
            bid = await self._bid(symbol)
            if bid is not None:
                self._bids[symbol] = bid
        return self._bids

    async def _bid(self, symbol: str) -> Decimal | None:
        try:
            ticker = await self._prices.ticker(symbol)
        except (TransientError, RejectedError):
            last = await self._prices.latest(symbol)
            return last.bid if last is not None and last.bid > 0 else None
        return ticker.bid if ticker.bid > 0 else None
