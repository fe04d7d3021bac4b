"""The trader: intents in, orders on the exchange, executions and cycles out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from core.positions.by_hand import was_taken_off
from core.risk.halts import Cause
from shared.src.bus.alerts import alert
from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.contracts.alerts import AlertLevel
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.portfolio import BalanceUpdated
from shared.src.contracts.topics import BALANCE_UPDATED
from shared.src.domain.clock import Clock
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.ids import derived_id
from shared.src.domain.orders import Side
from shared.src.exchange.models import Balance, OrderReport
from trader.src.cycle_manager import CycleManager
from trader.src.execution.breakers import Breakers
from trader.src.execution.fee_watch import FeeWatch
from trader.src.execution.funds import Funds
from trader.src.execution.intent_handler import IntentHandler
from trader.src.execution.outbox_publisher import OutboxPublisher
from trader.src.execution.panic import Panic
from trader.src.execution.quarantine import Quarantine
from trader.src.execution.reconciler import Reconciler, key_of
from trader.src.execution.watcher import Watcher
from trader.src.order_manager import OrderManager
from trader.src.ports import Exchange, Listener, Prices, Store
from trader.src.risk_manager import RiskManager

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timers:
    """How often the trader looks by itself, in wall seconds, whatever else happens."""

    watch_s: float = 0.5
    publish_s: float = 1.0
    risk_s: float = 2.0
    sweep_s: float = 2.0
    first_comparison_s: float = 5.0
    compare_s: float = 15.0


class TraderService:
    """What the trader does on one event loop: hears the exchange, and looks by itself now and then.

    ``composition.compose`` makes it; what it is made of is open to the REST API.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        bus: Bus,
        clock: Clock,
        store: Store,
        exchange: Exchange,
        prices: Prices,
        funds: Funds,
        orders: OrderManager,
        cycle_manager: CycleManager,
        intents: IntentHandler,
        panic: Panic,
        risk: RiskManager,
        breakers: Breakers,
        fees: FeeWatch,
        reconciler: Reconciler,
        watcher: Watcher,
        publisher: OutboxPublisher,
        quarantine: Quarantine,
        timers: Timers,
    ) -> None:
        self.settings = settings
        self.symbols = settings.trading_symbols
        self.bus = bus
        self.clock = clock
        self.store = store
        self.exchange = exchange
        self.prices = prices
        self.funds = funds
        self.orders = orders
        self.cycle_manager = cycle_manager
        self.intents = intents
        self.panic = panic
        self.risk = risk
        self.breakers = breakers
        self.fees = fees
        self.reconciler = reconciler
        self.watcher = watcher
        self.publisher = publisher
        self.quarantine = quarantine
        self._timers = timers

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Work that goes on as long as the service."""
        return {
            "bus": self.bus.run,
            "exchange": self.run_exchange,
            "reconcile": self.run_reconciliation,
            "sweep": lambda: self._repeat("sweep", self.intents.sweep, self._timers.sweep_s),
            "watch": lambda: self._repeat("watch", self.look, self._timers.watch_s),
            "due": self.wake_due,
            "publish": self.run_publisher,
            "risk": lambda: self._repeat("risk", self.watch_risk, self._timers.risk_s),
            "workers": self.watch_workers,
        }

    def probes(self) -> dict[str, Callable[[], Awaitable[str]]]:
        """What /health says of the account: what is wrong with it, what stops entries, what could not be handled."""
        return {
            "holdings": self.difference,
            "entries": self.entries,
            "symbols": self.listing,
            "quarantine": self.quarantine.summary,
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
        self.symbols = self.reconciler.trades.symbols = symbols

    # What the exchange tells

    async def run_exchange(self) -> None:
        await self.exchange.run(Listener(self.on_report, self.on_balances, self.on_connected, self.quarantine.put))

    async def on_connected(self) -> None:
        """Events may be missing: compare. What cannot be compared now is tried again on the timer."""
        async with self.quarantine.guarded("task", "compare"):
            await self.reconciler.run()

    async def on_report(self, report: OrderReport) -> None:
        """An order of the account changed: book it, and wake its cycle. What cannot be handled is set aside."""
        order = report.order
        async with self.quarantine.guarded("order", key_of(order), symbol=order.symbol, content=repr(report)):
            await self._take_in(report)

    async def _take_in(self, report: OrderReport) -> None:
        booked = await self.orders.book(report)
        if booked is None:
            await self.cycle_manager.wake_sold_by_hand(await self.orders.adopt(report.order))
            return
        cycle_id = booked.order.cycle_id
        if cycle_id is None or not booked.changed:
            return
        if was_taken_off(booked.order):
            title = f"the protection of {booked.order.symbol} was taken off by hand"
            detail = f"cycle {cycle_id} has no stop until POST /cycles/{cycle_id}/protect asks for one"
            await alert(self.bus, self.clock, source="trader", level=AlertLevel.WARNING, title=title, detail=detail)
        if booked.fills and booked.order.side is Side.BUY:
            self.cycle_manager.note_fill(cycle_id)
        self.cycle_manager.wake(cycle_id)
        await self.cycle_manager.wake_sold_by_hand(booked.order)

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

    async def look(self) -> None:
        """Carry a panic on, and watch the open positions."""
        await self.panic.carry_on()
        await self.watcher.look()

    async def run_reconciliation(self) -> None:
        """Compare with the exchange now and then; the stream does so after every connection."""
        await self.clock.sleep(self._timers.first_comparison_s)
        await self._repeat("compare", self.reconciler.run, self._timers.compare_s)

    async def wake_due(self) -> None:
        """Wake each cycle that asked for it when its time comes."""
        while True:
            await self.cycle_manager.wait_for_due(self._timers.publish_s)
            self.cycle_manager.wake_due()

    async def watch_risk(self) -> None:
        """Halt entries when the market, the exchange or the losses ask for it; know what trades cost."""
        await self.breakers.look(self.symbols)
        await self.risk.watch_losses()
        await self.fees.look(self.symbols)

    async def run_publisher(self) -> None:
        """Send the outbox whenever something is written into it."""
        while True:
            await self.store.wait_for_outbox(self._timers.publish_s)
            await self._tried("publish", self.publisher.flush)

    async def watch_workers(self) -> None:
        """Ends the service when a cycle's worker met what nobody may survive."""
        await self.cycle_manager.failure

    async def _repeat(self, name: str, action: Callable[[], Awaitable[Any]], every_s: float) -> None:
        while True:
            await self._tried(name, action)
            await self.clock.sleep(every_s)

    async def _tried(self, name: str, action: Callable[[], Awaitable[Any]]) -> None:
        """Do what a timer does; what fails is done again by the same timer, and shown when it would not pass."""
        try:
            async with self.quarantine.guarded("task", name) as attempt:
                await action()
        except (TransientError, OutcomeUnknownError) as error:
            logger.warning("tried again later", extra={"reason": str(error)})
        else:
            if not attempt.failed:
                return
        await self.clock.sleep(1.0)

    async def difference(self) -> str:
        """For /health: raises while the exchange and the cycles disagree, until somebody resumes."""
        for pause in await self.store.pauses():
            if pause.cause is Cause.DIFFERENCE:
                raise TransientError(f"{pause.reason} (since {pause.since.isoformat()}; lift with /config/resume)")
        return f"{self.reconciler.runs} reconciliations"

    async def listing(self) -> str:
        """For /health: the symbols that are traded, and those that the exchange does not have. They stop no other."""
        lost = [symbol for symbol in self.symbols if not (await self.exchange.rules(symbol)).is_listed]
        told = f"; not listed on the exchange: {', '.join(lost)}" if lost else ""
        return f"{len(self.symbols) - len(lost)} symbols{told}"

    async def entries(self) -> str:
        """For /health: whether positions are opened, and what stops it. A halt is no illness."""
        stopped = [
            f"{pause.scope} {'halted' if pause.is_halt else 'paused'} since {pause.since.isoformat()}: {pause.reason}"
            for pause in await self.store.pauses()
        ]
        if not stopped and not self.settings.entries_enabled:
            return "TRADING_ENABLED is off"
        return "; ".join(stopped) or "open"

    async def stop(self) -> None:
        """Workers stop between two steps; what they were at is found again at the next start."""
        await self.cycle_manager.stop()
        await self._tried("publish", self.publisher.flush)
        await self.exchange.close()
