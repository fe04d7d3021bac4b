"""Writes down what the books are worth: at the opening, every minute, and what came from outside meanwhile."""

from __future__ import annotations

import logging
from decimal import Decimal

from core.capital.equity import BooksPoint, Holdings, Valued, first_point, next_point, unpriced
from core.capital.valuation import EURO, rates_of, value
from portfolio.src.ports import AccountRecords, AssetPrices, CapitalStore
from shared.src.domain.clock import Clock

logger = logging.getLogger(__name__)

POINT_EVERY_S = 60.0
FIRST_WAIT_S = 120.0  # the first point values all that is held: so long it waits for the prices of all


class EquityJournal:
    """Adds to ``core.capital.equity`` the looks at the books, the prices, and the points that are kept."""

    def __init__(
        self, records: AccountRecords, store: CapitalStore, prices: AssetPrices, clock: Clock, *, quote_asset: str
    ) -> None:
        self._records = records
        self._store = store
        self._prices = prices
        self._clock = clock
        self._quote = quote_asset
        self._written_s = float("-inf")
        self._waits_since_s: float | None = None
        self._last: tuple[Valued, BooksPoint] | None = None

    @property
    def waits(self) -> bool:
        """Whether the first point is still to come, for want of prices."""
        return self._waits_since_s is not None

    async def note(self, *, moved: bool) -> None:
        """Add a point when the account ``moved`` or a minute went by. The books are open.

        Raises:
            TransientError: the books, the prices or the records are away.
        """
        if not moved and self._clock.monotonic() - self._written_s < POINT_EVERY_S:
            return
        at = self._clock.now()
        async with self._store.look() as ledger:
            holdings = await ledger.holdings()
        prices = await self._prices.of_assets({*holdings, EURO})
        now = Valued(holdings, rates_of(holdings, self._quote, prices))
        last = self._last or await self._records.last_point(self._quote)
        if last is None and self._still_waits(now):
            return
        now, point = _after(last, now)
        await self._records.write_point(point, now, at, self._quote, value(point.equity, self._quote, EURO, prices))
        self._last = now, point
        self._written_s = self._clock.monotonic()
        self._waits_since_s = None

    def _still_waits(self, now: Valued) -> bool:
        missing = unpriced(now.holdings, now.rates)
        if not missing:
            return False
        at_s = self._clock.monotonic()
        if self._waits_since_s is None:
            self._waits_since_s = at_s
        if at_s - self._waits_since_s < FIRST_WAIT_S:
            return True
        logger.warning("equity begins without what nobody prices", extra={"assets": missing})
        return False


def _after(last: tuple[Valued, BooksPoint] | None, now: Valued) -> tuple[Valued, BooksPoint]:
    if last is None:
        return now, first_point(now)
    before, point = last
    known = Valued(now.holdings, {**_kept(before, now.holdings), **now.rates})
    return known, next_point(before, point, known)


def _kept(before: Valued, holdings: Holdings) -> dict[str, Decimal]:
    """The older rates of what is still held."""
    return {asset: rate for asset, rate in before.rates.items() if asset in holdings}
