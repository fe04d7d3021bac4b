"""Carries out the steps that buy: an entry that got lost, once more, and the next of an entry in several orders.

Each is judged as of now before its row is committed, and its row is committed before it is sent.
"""

from __future__ import annotations

import logging
from datetime import datetime

from core.execution.next_order import BuyMore, MarketNow
from core.positions.entries import further_entry, next_attempt
from core.positions.model import CycleState, Order
from core.risk.verdicts import Refused
from shared.src.domain.clock import Clock
from shared.src.domain.orders import OrderStatus
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from trader.src.execution import metrics
from trader.src.execution.market_volume import MarketVolume
from trader.src.order_manager import OrderManager
from trader.src.ports import Store
from trader.src.risk_manager import RiskManager

logger = logging.getLogger(__name__)


class EntryOrders:
    """Knows how a step of an entry becomes an order. ``volume``: what is traded in the market."""

    def __init__(
        self, *, store: Store, orders: OrderManager, risk: RiskManager, clock: Clock, volume: MarketVolume
    ) -> None:
        self._store = store
        self._orders = orders
        self._risk = risk
        self._clock = clock
        self._volume = volume

    async def market(self, view: CycleState, ticker: BookTicker | None) -> MarketNow | None:
        """The market as an entry in several orders asks for it; None for any other, and while nobody knows it.

        Raises:
            TransientError: what was traded cannot be read now.
        """
        plan = view.cycle.plan
        if ticker is None or plan is None or not view.cycle.entering:
            return None
        volume = None if plan.share is None else await self._volume.since(view.cycle.symbol, view.cycle.created_at)
        return MarketNow(ticker.bid, ticker.ask, volume)

    async def again(self, view: CycleState, lost: Order, rules: SymbolRules) -> bool:
        """Send the entry under a new id, if its gate approves it as of now; False: the next step should wait."""
        async with self._risk.one_at_a_time:
            verdict = await self._risk.judge_again(view.cycle, lost, rules)
            if isinstance(verdict, Refused):
                await self._store.request_exit(view.cycle.id, f"not sent again: {verdict.reason}")
                return True
            order = next_attempt(view.cycle, lost, verdict, rules, self._now())
            await self._commit(order)
        return await self._send(order)

    async def more(self, view: CycleState, wanted: BuyMore, rules: SymbolRules) -> bool:
        """Send the next order of an entry. One that the gate refuses as of now waits: the reason may pass."""
        async with self._risk.one_at_a_time:
            verdict = await self._risk.judge_further(view, wanted, rules)
            if isinstance(verdict, Refused):
                log = {"cycle_id": view.cycle.id, "symbol": view.cycle.symbol, "reason": verdict.reason}
                logger.info("entry waits", extra=log)
                return False
            order = further_entry(view, wanted, verdict, rules, self._now())
            await self._commit(order)
        return await self._send(order)

    def _now(self) -> datetime:
        return self._clock.now()

    async def _commit(self, order: Order) -> None:
        await self._store.add_orders([order])
        self._risk.note_entry()

    async def _send(self, order: Order) -> bool:
        """Whether to go on at once: yes unless the order was not sent, or nobody knows."""
        with metrics.ORDER_S.time():
            status = await self._orders.submit(order)
        metrics.ORDERS.labels(order.purpose.value, status.value).inc()
        if status is not OrderStatus.REJECTED:
            return True
        row = await self._store.order(order.client_order_id)
        return row is not None and row.reject_code is not None
