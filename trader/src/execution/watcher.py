"""Watches open positions between events: stops the price jumped over, positions that are too old, prices seen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal

from core.positions.exits import (
    GAP_S_MAX,
    is_at_unplaced_target,
    is_beyond_stop,
    is_jumped_over,
    is_just_opened,
    is_reached,
    is_too_old,
    may_have_reached,
    widens,
)
from core.positions.model import Cycle, Purpose
from core.positions.rules import PositionRules
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.money import ZERO
from shared.src.exchange.models import BookTicker
from trader.src.cycle_manager import CycleManager
from trader.src.execution import metrics
from trader.src.ports import Exchange, Prices, Store

logger = logging.getLogger(__name__)

ASK_EVERY_S = 1.0


class Watcher:
    """``look`` looks at every open cycle once; price-based exits need no closed candle."""

    def __init__(
        self,
        *,
        store: Store,
        cycle_manager: CycleManager,
        exchange: Exchange,
        prices: Prices,
        clock: Clock,
        rules: PositionRules,
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._cycle_manager = cycle_manager
        self._prices = prices
        self._clock = clock
        self._rules = rules
        self._beyond: dict[str, float] = {}
        self._asked: dict[str, float] = {}  # by cycle, when the exchange was last asked for its orders

    async def look(self) -> None:
        """One round."""
        self._cycle_manager.wake_due()
        cycles = await self._store.open_cycles()
        metrics.OPEN_CYCLES.set(len(cycles))
        for known in (self._beyond, self._asked):
            for gone in set(known) - {cycle.id for cycle in cycles}:
                del known[gone]
        await self._ask_of_reached(cycles)
        for cycle in cycles:
            if cycle.exit_reason:
                continue
            reason = await self._reason_to_leave(cycle)
            if reason:
                logger.info("leaving", extra={"cycle_id": cycle.id, "symbol": cycle.symbol, "reason": reason})
                await self._store.request_exit(cycle.id, reason)
                self._cycle_manager.wake(cycle.id)

    async def _ask_of_reached(self, cycles: Sequence[Cycle]) -> None:
        """Ask for the orders of one position that the market has reached: the stream may have lost what they filled.

        One in a round, the one that waited longest, so that many at their prices do not use the weight up.
        """
        now = self._clock.monotonic()
        waited = [cycle for cycle in cycles if now - self._asked.get(cycle.id, 0.0) >= ASK_EVERY_S]
        for cycle in sorted(waited, key=lambda cycle: self._asked.get(cycle.id, 0.0)):
            try:
                ticker = await self._prices.ticker(cycle.symbol)
            except (TransientError, RejectedError):
                continue
            if not may_have_reached(cycle, ticker):
                continue
            view = await self._store.view(cycle.id)
            reached = [order for order in view.orders if order.is_open and is_reached(order, ticker)]
            self._asked[cycle.id] = now
            if reached:
                await self._cycle_manager.look_again(reached)
                return

    async def _reason_to_leave(self, cycle: Cycle) -> str:
        if cycle.opened_at is None:
            return ""
        if is_too_old(cycle, self._clock.now(), self._rules.holding_max):
            return "time"
        try:
            bid = (await self._ticker(cycle)).bid
        except (TransientError, RejectedError):
            return ""
        if widens(cycle, bid):
            await self._store.note_prices(cycle.symbol, bid)
            if self._rules.stops.may_act(cycle) and bid > (cycle.max_price or ZERO):
                self._cycle_manager.wake(cycle.id)
        if await self._is_at_target(cycle, bid):
            return Purpose.TAKE_PROFIT.value
        return "stop_gap" if await self._is_gapped(cycle, bid) else ""

    async def _ticker(self, cycle: Cycle) -> BookTicker:
        """The market of now; a position that was opened a moment ago is not measured by the price of before."""
        asked = is_just_opened(cycle, self._clock.now(), self._clock.speed)
        return await (self._exchange if asked else self._prices).ticker(cycle.symbol)

    async def _is_at_target(self, cycle: Cycle, bid: Decimal) -> bool:
        if cycle.take_profit_price is None or bid < cycle.take_profit_price:
            return False
        return is_at_unplaced_target(await self._store.view(cycle.id), bid)

    async def _is_gapped(self, cycle: Cycle, bid: Decimal) -> bool:
        """Whether the price fell through the stop's limit and stays there, so that the stop cannot fill."""
        if not is_beyond_stop(cycle, bid):
            self._beyond.pop(cycle.id, None)
            return False
        since = self._beyond.setdefault(cycle.id, self._clock.monotonic())
        if self._clock.monotonic() - since < GAP_S_MAX:
            return False
        return is_jumped_over((await self._store.view(cycle.id)).orders, bid)
