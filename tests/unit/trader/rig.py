"""A trader on fakes that can be killed between any two steps and started again."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from core.positions.cycle_steps import CycleRules
from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings, load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import TERMINAL, CycleStatus, IntentKind, Side
from tests.unit.trader.fake_exchange import RULES, SYMBOL, Crash, FakeExchange, Fuse
from tests.unit.trader.fake_store import FakeStore
from trader.src.cycle_manager import CycleManager
from trader.src.execution.funds import Funds
from trader.src.execution.intent_handler import IntentHandler
from trader.src.execution.reconciler import Reconciler
from trader.src.execution.watcher import Watcher
from trader.src.order_manager import OrderManager

LIMITS = {"max_position_size": "100000", "max_exposure_percent": "100", "max_concurrent_positions": 50}


class Rig:
    """``exchange`` and ``store`` outlive a crash; everything else is made anew."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.fuse = Fuse()
        self.exchange = FakeExchange(self.clock, self.fuse)
        self.store = FakeStore(self.clock, self.fuse)
        self.settings: Settings = load_settings(**(LIMITS | settings))
        self.start()

    def start(self) -> None:
        """A new process on the same database and exchange; needs the running loop."""
        self.funds = Funds()
        self.orders = OrderManager(self.exchange, self.store, self.exchange, self.clock, horizon_s=15)
        self.cycle_manager = CycleManager(
            exchange=self.exchange,
            store=self.store,
            orders=self.orders,
            prices=self.exchange,
            clock=self.clock,
            settings=self.settings,
        )
        self.intents = IntentHandler(
            exchange=self.exchange,
            store=self.store,
            cycle_manager=self.cycle_manager,
            prices=self.exchange,
            funds=self.funds,
            clock=self.clock,
            settings=self.settings,
        )
        self.reconciler = Reconciler(
            exchange=self.exchange,
            store=self.store,
            orders=self.orders,
            cycle_manager=self.cycle_manager,
            funds=self.funds,
            clock=self.clock,
        )
        self.watcher = Watcher(
            store=self.store,
            cycle_manager=self.cycle_manager,
            prices=self.exchange,
            clock=self.clock,
            settings=self.settings,
        )

    async def live(self, work: Any) -> bool:
        """Do something in the process; a crash loses the process. False when it crashed."""
        try:
            await work
            await self._rest()
        except Crash:
            await self._restart()
            return False
        return True

    async def receive(self, message: OrderIntent) -> None:
        """The bus brings an intent, again after a crash, since it was not acknowledged."""
        while not await self.live(self.intents.take(message)):
            continue

    async def _rest(self) -> None:
        await self.cycle_manager.idle()
        if self.cycle_manager.failure.done():
            error = self.cycle_manager.failure.exception()
            assert isinstance(error, Crash), error
            raise error

    async def _restart(self) -> None:
        await self.cycle_manager.stop()
        if self.cycle_manager.failure.done():
            self.cycle_manager.failure.exception()
        self.start()

    async def deliver(self, count: int | None = None, *, keep: bool = False) -> None:
        """Let the user stream bring events; ``keep`` lets them come a second time."""
        for report in self.exchange.events[: len(self.exchange.events) if count is None else count]:
            await self.live(self._report(report))
        if not keep:
            del self.exchange.events[: len(self.exchange.events) if count is None else count]

    async def _report(self, report: Any) -> None:
        booked = await self.orders.book(report)
        if booked is not None and booked.order.cycle_id:
            self.cycle_manager.wake(booked.order.cycle_id)
        elif booked is None:
            await self.orders.adopt(report.order)

    async def tick(self) -> None:
        """What the timers do; what fails in a way that may pass is tried at the next tick."""
        for action in (self.reconciler.run, self.watcher.look, self.intents.sweep):
            try:
                await self.live(action())
            except (TransientError, OutcomeUnknownError, RejectedError):
                continue

    async def settle(self, seconds: float = 120) -> None:
        """Let time pass until nothing is left to do."""
        self.fuse.left = None
        for _ in range(int(seconds / 2)):
            await self.deliver()
            await self.tick()
            self.exchange.elapse(2)
        await self.deliver()
        await self.tick()

    def stand_still(self, step: int, seconds: float) -> None:
        """Let this machine, not the exchange, stop for a while at a step from now."""
        self.fuse.stalls = (step, lambda: self.exchange.elapse(seconds))

    # What must hold when everything is settled

    def check(self) -> None:
        self._no_order_is_doubled()
        self._every_fill_is_booked_once()
        self._positions_are_what_the_exchange_holds()
        self._positions_are_protected()
        self._ended_cycles_have_nothing_open()
        self._result_is_what_was_earned()

    def _no_order_is_doubled(self) -> None:
        ids = [order.client_order_id for order in self.exchange.orders.values()]
        assert len(ids) == len(set(ids)), "an order was sent twice under one id"
        intents = [self.store.rows[order.client_order_id].intent_id for order in self.exchange.buys()]
        assert len(intents) == len(set(intents)), "an intent was bought twice"

    def _every_fill_is_booked_once(self) -> None:
        traded = {(fill.symbol, fill.trade_id): fill.quantity for fill in self.exchange.fills}
        booked = {key: fill.quantity for key, fill in self.store.fills.items()}
        assert traded == booked
        told = [getattr(message, "execution_id", "") for _, message in self.store.told]
        told = [name for name in told if name]
        assert len(told) == len(set(told)) == len(traded)

    def _held(self) -> dict[str, Decimal]:
        held = {}
        for cycle_id in self.store.cycles:
            orders = {o.client_order_id for o in self.store.rows.values() if o.cycle_id == cycle_id}
            fills = [fill for fill in self.store.fills.values() if fill.client_order_id in orders]
            bought = sum((f.quantity - f.fee for f in fills if f.side is Side.BUY), ZERO)
            held[cycle_id] = bought - sum((f.quantity for f in fills if f.side is Side.SELL), ZERO)
        return held

    def _positions_are_what_the_exchange_holds(self) -> None:
        assert sum(self._held().values(), ZERO) == self.exchange.base
        assert all(amount >= 0 for amount in self._held().values())

    def _positions_are_protected(self) -> None:
        for cycle_id, held in self._held().items():
            if not RULES.is_sellable(held, self.exchange.price):
                continue
            cycle = self.store.cycles[cycle_id]
            assert cycle.status is CycleStatus.ACTIVE_BUY, (cycle, held)
            orders = [
                o for o in self.store.rows.values() if o.cycle_id == cycle_id and o.side is Side.SELL and o.is_open
            ]
            assert orders, f"{cycle_id} holds {held} without protection"
            assert all(order.quantity <= held for order in orders)

    def _ended_cycles_have_nothing_open(self) -> None:
        standing = {o.client_order_id for o in self.exchange.orders.values() if o.status not in TERMINAL}
        for row in self.store.rows.values():
            cycle = self.store.cycles.get(row.cycle_id or "")
            assert not row.is_unresolved
            if cycle is not None and cycle.is_ended:
                assert row.client_order_id not in standing

    def _result_is_what_was_earned(self) -> None:
        """Cash in less cash out, plus dust at its cost, is the profit of the completed cycles."""
        for cycle in self.store.cycles.values():
            if cycle.status is not CycleStatus.COMPLETED:
                continue
            orders = {o.client_order_id for o in self.store.rows.values() if o.cycle_id == cycle.id}
            cash = ZERO
            for fill in self.store.fills.values():
                if fill.client_order_id in orders:
                    cash += -fill.quote_quantity if fill.side is Side.BUY else fill.quote_quantity - fill.fee_quote
            assert cycle.profit_loss is not None
            assert cycle.entry_price is not None
            assert abs(cycle.profit_loss - cash - cycle.dust * cycle.entry_price) < Decimal("1e-6")


def intent(number: int, clock: ManualClock, *, kind: IntentKind = IntentKind.ENTRY, **changes: Any) -> OrderIntent:
    """An approved decision on the fake symbol."""
    is_entry = kind is IntentKind.ENTRY
    facts: dict[str, Any] = {
        "message_id": f"{kind.value}-{number}",
        "occurred_at": clock.now(),
        "symbol": SYMBOL,
        "kind": kind,
        "side": Side.BUY if is_entry else Side.SELL,
        "quantity": Decimal("0.02") if is_entry else None,
        "reference_price": Decimal(50000),
        "reserved": Decimal(1000) if is_entry else ZERO,
        "strategy": "EMA_Cross",
        "decided_on": clock.now_ms(),
    }
    return OrderIntent(**(facts | changes))


def run(work: Any) -> None:
    asyncio.run(work)


__all__ = ["CycleRules", "Rig", "intent", "run"]
