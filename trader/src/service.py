"""The trader: intents in, orders on the exchange, executions and cycles out. Composes the parts and their tasks."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.portfolio import BalanceUpdated
from shared.src.contracts.topics import BALANCE_UPDATED, ORDER_INTENT
from shared.src.domain.clock import Clock
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.ids import derived_id
from shared.src.domain.orders import Side
from shared.src.exchange.models import Balance, OrderReport
from trader.src.adapters.store import PostgresStore
from trader.src.adapters.tick_prices import TickPrices
from trader.src.cycle_manager import CycleManager
from trader.src.execution.funds import Funds
from trader.src.execution.intent_handler import IntentHandler
from trader.src.execution.publisher import Publisher
from trader.src.execution.reconciler import Reconciler
from trader.src.execution.watcher import EVERY_S, Watcher
from trader.src.order_manager import MATCHING_S, OrderManager
from trader.src.ports import Exchange, Listener
from trader.src.risk_manager import DIFFERENCE

logger = logging.getLogger(__name__)

GROUP = "trader"
SWEEP_EVERY_S = 2.0
RECONCILE_EVERY_S = 15.0
FIRST_RECONCILIATION_S = 5.0
IN_FULL_EVERY = 8
PUBLISH_EVERY_S = 1.0


class TraderService:
    """Everything the trader is made of, on one event loop."""

    def __init__(
        self, *, settings: Settings, clock: Clock, store: PostgresStore, exchange: Exchange, bus: Bus, redis: Redis
    ) -> None:
        self.settings = settings
        self.symbols = settings.trading_symbols
        self.clock = clock
        self.store = store
        self.exchange = exchange
        self.bus = bus
        self.funds = Funds()
        self.prices = TickPrices(redis, exchange, clock)
        horizon_s = MATCHING_S + settings.recv_window_ms / 1000
        self.orders = OrderManager(exchange, store, self.prices, clock, horizon_s=horizon_s)
        self.cycle_manager = CycleManager(
            exchange=exchange, store=store, orders=self.orders, prices=self.prices, clock=clock, settings=settings
        )
        self.intents = IntentHandler(
            exchange=exchange,
            store=store,
            cycle_manager=self.cycle_manager,
            prices=self.prices,
            funds=self.funds,
            clock=clock,
            settings=settings,
        )
        self.reconciler = Reconciler(
            exchange=exchange,
            store=store,
            orders=self.orders,
            cycle_manager=self.cycle_manager,
            funds=self.funds,
            clock=clock,
        )
        self.watcher = Watcher(
            store=store, cycle_manager=self.cycle_manager, prices=self.prices, clock=clock, settings=settings
        )
        self.publisher = Publisher(store, bus)
        bus.subscribe(ORDER_INTENT, self.on_intent, group=GROUP)

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Work that goes on as long as the service."""
        return {
            "bus": self.bus.run,
            "exchange": self.run_exchange,
            "reconcile": self.run_reconciliation,
            "sweep": lambda: self._repeat(self.intents.sweep, SWEEP_EVERY_S),
            "watch": lambda: self._repeat(self.watcher.look, EVERY_S),
            "publish": self.run_publisher,
            "workers": self.watch_workers,
        }

    async def on_intent(self, intent: OrderIntent) -> None:
        await self.intents.take(intent)

    async def set_symbols(self, symbols: tuple[str, ...]) -> None:
        """Trade these from now on; positions in others are carried to their end.

        Raises:
            TransientError: the exchange is not ready for them; asking again helps.
        """
        try:
            await self.exchange.follow(symbols)
        except RejectedError as error:
            raise TransientError(f"symbols not taken over: {error}") from error
        self.symbols = symbols

    # What the exchange tells

    async def run_exchange(self) -> None:
        await self.exchange.run(Listener(self.on_report, self.on_balances, self.reconciler.run))

    async def on_report(self, report: OrderReport) -> None:
        """An order of the account changed: book it, and wake its cycle."""
        booked = await self.orders.book(report)
        if booked is None:
            await self.orders.adopt(report.order)
            return
        cycle_id = booked.order.cycle_id
        if cycle_id is None or not booked.changed:
            return
        if booked.fills and booked.order.side is Side.BUY:
            self.cycle_manager.note_fill(cycle_id)
        self.cycle_manager.wake(cycle_id)

    async def on_balances(self, balances: dict[str, Balance]) -> None:
        """Balances changed: keep them, and tell the screens."""
        self.funds.update(balances)
        now = self.clock.now()
        for balance in balances.values():
            notice = BalanceUpdated(
                message_id=derived_id("bu", balance.asset, balance.free, balance.locked, now),
                occurred_at=now,
                asset=balance.asset,
                free=balance.free,
                locked=balance.locked,
            )
            await self.bus.notify(BALANCE_UPDATED.name, BALANCE_UPDATED.encode(notice))

    # Tasks

    async def run_reconciliation(self) -> None:
        """Compare with the exchange now and then; the stream does so, in full, after every connection."""
        await self.clock.sleep(FIRST_RECONCILIATION_S)
        for count in itertools.count():
            in_full = not self.reconciler.runs or count % IN_FULL_EVERY == IN_FULL_EVERY - 1
            await self._tried(functools.partial(self.reconciler.run, trades=in_full))
            await self.clock.sleep(RECONCILE_EVERY_S)

    async def run_publisher(self) -> None:
        """Send the outbox whenever something is written into it."""
        while True:
            try:
                async with asyncio.timeout(PUBLISH_EVERY_S):
                    await self.store.told.wait()
            except TimeoutError:
                pass
            self.store.told.clear()
            await self._tried(self.publisher.flush)

    async def watch_workers(self) -> None:
        """Ends the service when a cycle's worker met what nobody may survive."""
        await self.cycle_manager.failure

    async def _repeat(self, action: Callable[[], Awaitable[Any]], every_s: float) -> None:
        while True:
            await self._tried(action)
            await self.clock.sleep(every_s)

    async def _tried(self, action: Callable[[], Awaitable[Any]]) -> None:
        try:
            await action()
        except (TransientError, OutcomeUnknownError, RejectedError) as error:
            logger.warning("tried again later", extra={"reason": str(error)})
            await self.clock.sleep(1.0)

    async def difference(self) -> str:
        """For /health: raises while the exchange and the cycles disagree, until somebody resumes."""
        for pause in await self.store.pauses():
            if pause.reason.startswith(DIFFERENCE):
                raise TransientError(f"{pause.reason} (since {pause.since.isoformat()}; lift with /config/resume)")
        return f"{self.reconciler.runs} reconciliations"

    async def stop(self) -> None:
        """Workers stop between two steps; what they were at is found again at the next start."""
        await self.cycle_manager.stop()
        await self._tried(self.publisher.flush)
        await self.exchange.close()
