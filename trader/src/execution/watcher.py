"""Watches open positions between events: stops the price jumped over, positions that are too old, prices seen."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal

from core.positions.model import Cycle, Purpose
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.orders import OrderType
from trader.src.cycle_manager import CycleManager
from trader.src.execution import metrics
from trader.src.ports import Prices, Store

logger = logging.getLogger(__name__)

# How long the price may stand beyond a stop's limit before the rest is sold at market, wall seconds.
GAP_S = 1.5


class Watcher:
    """``look`` looks at every open cycle once; price-based exits need no closed candle."""

    def __init__(
        self, *, store: Store, cycle_manager: CycleManager, prices: Prices, clock: Clock, settings: Settings
    ) -> None:
        self._store = store
        self._cycle_manager = cycle_manager
        self._prices = prices
        self._clock = clock
        self._longest = timedelta(minutes=settings.max_holding_minutes)
        self._beyond: dict[str, float] = {}

    async def look(self) -> None:
        """One round."""
        for cycle_id in self._cycle_manager.due():
            self._cycle_manager.wake(cycle_id)
        cycles = await self._store.open_cycles()
        metrics.OPEN_CYCLES.set(len(cycles))
        for known in set(self._beyond) - {cycle.id for cycle in cycles}:
            del self._beyond[known]
        for cycle in cycles:
            if cycle.exit_reason:
                continue
            reason = await self._reason_to_leave(cycle)
            if reason:
                logger.info("leaving", extra={"cycle_id": cycle.id, "symbol": cycle.symbol, "reason": reason})
                await self._store.request_exit(cycle.id, reason)
                self._cycle_manager.wake(cycle.id)

    async def _reason_to_leave(self, cycle: Cycle) -> str:
        if cycle.opened_at is not None and self._clock.now() - cycle.opened_at > self._longest:
            return "time"
        if cycle.opened_at is None:
            return ""
        try:
            bid = (await self._prices.ticker(cycle.symbol)).bid
        except (TransientError, RejectedError):
            return ""
        await self._note(cycle, bid)
        return "stop_gap" if await self._is_gapped(cycle, bid) else ""

    async def _note(self, cycle: Cycle, price: Decimal) -> None:
        low = cycle.min_price if cycle.min_price is not None else price
        high = cycle.max_price if cycle.max_price is not None else price
        if cycle.min_price is None or price < low or price > high:
            await self._store.note_prices(cycle.symbol, price)

    async def _is_gapped(self, cycle: Cycle, bid: Decimal) -> bool:
        """Whether the price fell through the stop's limit and stays there, so that the stop cannot fill."""
        if cycle.stop_price is None or bid >= cycle.stop_price:
            self._beyond.pop(cycle.id, None)
            return False
        since = self._beyond.setdefault(cycle.id, self._clock.monotonic())
        if self._clock.monotonic() - since < GAP_S:
            return False
        view = await self._store.view(cycle.id)
        stops = [order for order in view.orders if order.is_open and order.purpose is Purpose.STOP_LOSS]
        return any(order.type is OrderType.STOP_LOSS_LIMIT and bid < (order.price or bid) for order in stops)
