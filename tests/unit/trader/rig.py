"""A trader on fakes that can be killed between any two steps and started again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from core.positions.model import Cycle, Order
from shared.memory.manual_clock import ManualClock
from shared.src.bus.ports import Bus
from shared.src.config import Settings, load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.topics import EXECUTION, ORDER_INTENT
from shared.src.domain.candles import MINUTE_MS
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import TERMINAL, CycleStatus, IntentKind, Side
from tests.unit.trader.counted_minutes import CountedMinutes
from tests.unit.trader.crash_world import CrashingBus, CrashingStore
from tests.unit.trader.fake_exchange import RULES, SYMBOL, Crash, FakeExchange, Fuse
from trader.src.adapters.memory_store import MemoryStore
from trader.src.composition import compose
from trader.src.ports import Store

LIMITS = {"max_position_size": "100000", "max_exposure_percent": "100", "max_concurrent_positions": 50}


class Rig:
    """``exchange``, ``store`` and ``bus`` outlive a crash; the trader is composed anew, as `main` composes it."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.fuse = Fuse()
        self.exchange = FakeExchange(self.clock, self.fuse)
        self.memory = MemoryStore(self.clock, self._approved)
        self.store = CrashingStore(self.memory, self.fuse)
        self.bus = CrashingBus(self.fuse)
        self.minutes = CountedMinutes()
        self.minutes.volumes[self.clock.now_ms() // MINUTE_MS * MINUTE_MS - MINUTE_MS] = Decimal(100)
        self.decisions: list[OrderIntent] = []
        self.settings: Settings = load_settings(**(LIMITS | settings))
        self.start()

    async def _approved(self, since: datetime) -> list[OrderIntent]:
        return [decision for decision in self.decisions if decision.occurred_at > since]

    def start(self) -> None:
        """A new process on the same store, bus and exchange; needs the running loop."""
        self.trader = compose(
            settings=self.settings,
            bus=cast(Bus, self.bus),
            clock=self.clock,
            store=cast(Store, self.store),
            exchange=self.exchange,
            prices=self.exchange,
            candles=self.minutes,
        )
        self.trader.reconciler.outlook.note_comparison(float("inf"))  # it sees all, unless a test wants it blind

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
        while not await self.live(self.bus.deliver(ORDER_INTENT, message)):
            continue

    async def _rest(self) -> None:
        workers = self.trader.cycle_manager
        await workers.idle()
        if workers.failure.done():
            error = workers.failure.exception()
            assert isinstance(error, Crash), error
            raise error

    async def _restart(self) -> None:
        workers = self.trader.cycle_manager
        await workers.stop()
        if workers.failure.done():
            workers.failure.exception()
        self.start()

    async def deliver(self, count: int | None = None, *, keep: bool = False) -> None:
        """Let the user stream bring events; ``keep`` lets them come a second time."""
        for report in self.exchange.events[: len(self.exchange.events) if count is None else count]:
            await self.live(self.trader.on_report(report))
        if not keep:
            del self.exchange.events[: len(self.exchange.events) if count is None else count]

    async def publish(self) -> None:
        """Bring what waits in the outbox to the bus."""
        await self.live(self.trader.publisher.flush())

    async def tick(self) -> None:
        """What the timers do; what fails in a way that may pass is tried at the next tick."""
        for name in ("compare", "watch", "sweep", "publish"):
            try:
                await self.live(self._timers()[name]())
            except (TransientError, OutcomeUnknownError, RejectedError):
                continue

    def _timers(self) -> dict[str, Callable[[], Awaitable[Any]]]:
        """Asked for anew each time: a crash replaces the trader."""
        trader = self.trader
        return {
            "compare": trader.reconciler.run,
            "watch": trader.look,
            "sweep": trader.intents.sweep,
            "publish": trader.publisher.flush,
        }

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
        self._every_fill_is_told()
        self._positions_are_what_the_exchange_holds()
        self._positions_are_protected()
        self._ended_cycles_have_nothing_open()
        self._result_is_what_was_earned()

    def _no_order_is_doubled(self) -> None:
        ids = [order.client_order_id for order in self.exchange.orders.values()]
        assert len(ids) == len(set(ids)), "an order was sent twice under one id"
        rows = {order.client_order_id: order for order in self.orders}
        plans = {cycle.intent_id: cycle.plan for cycle in self.cycles if cycle.plan is not None}
        intents = [rows[order.client_order_id].intent_id for order in self.exchange.buys()]
        whole = [intent_id for intent_id in intents if intent_id not in plans]
        assert len(whole) == len(set(whole)), "an intent was bought twice"
        for intent_id, plan in plans.items():
            mine = [o for o in self.exchange.orders.values() if rows[o.client_order_id].intent_id == intent_id]
            bought = sum((o.executed_quantity for o in mine if o.side is Side.BUY), ZERO)
            assert bought <= plan.quantity, "more was bought than approved"

    def _every_fill_is_booked_once(self) -> None:
        traded = [(fill.symbol, fill.trade_id, fill.quantity) for fill in self.exchange.fills]
        booked = [(event.symbol, event.trade_id, event.quantity) for event in self.memory.executions()]
        assert sorted(booked) == sorted(traded)

    def _every_fill_is_told(self) -> None:
        """Written into the outbox once, and brought to the bus at least once."""
        booked = sorted(event.message_id for event in self.memory.executions())
        assert booked == sorted(item.message_id for item in self.store.told.values() if item.topic == EXECUTION.name)
        assert booked == sorted(self.bus.of(EXECUTION))

    @property
    def cycles(self) -> Sequence[Cycle]:
        return self.memory.all_cycles()

    @property
    def orders(self) -> Sequence[Order]:
        return self.memory.all_orders()

    def _held(self) -> dict[str, Decimal]:
        held = {}
        for cycle in self.cycles:
            fills = self.memory.fills_of(cycle.intent_id)
            bought = sum((fill.quantity - fill.fee for fill in fills if fill.side is Side.BUY), ZERO)
            held[cycle.id] = bought - sum((fill.quantity for fill in fills if fill.side is Side.SELL), ZERO)
        return held

    def _positions_are_what_the_exchange_holds(self) -> None:
        assert sum(self._held().values(), ZERO) == self.exchange.base
        assert all(amount >= 0 for amount in self._held().values())

    def _positions_are_protected(self) -> None:
        held = self._held()
        for cycle in self.cycles:
            if not RULES.is_sellable(held[cycle.id], self.exchange.price):
                continue
            assert cycle.status is CycleStatus.ACTIVE_BUY, (cycle, held)
            orders = [o for o in self.orders if o.cycle_id == cycle.id and o.side is Side.SELL and o.is_open]
            assert orders, f"{cycle.id} holds {held} without protection"
            assert all(order.quantity <= held[cycle.id] for order in orders)

    def _ended_cycles_have_nothing_open(self) -> None:
        standing = {o.client_order_id for o in self.exchange.orders.values() if o.status not in TERMINAL}
        ended = {cycle.id for cycle in self.cycles if cycle.is_ended}
        for order in self.orders:
            assert not order.is_unresolved
            assert order.cycle_id not in ended or order.client_order_id not in standing

    def _result_is_what_was_earned(self) -> None:
        """Cash in less cash out, plus dust at its cost, is the profit of the completed cycles."""
        for cycle in self.cycles:
            if cycle.status is not CycleStatus.COMPLETED:
                continue
            cash = ZERO
            for fill in self.memory.fills_of(cycle.intent_id):
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
        "reserved": Decimal(1010) if is_entry else ZERO,
        "strategy": "EMA_Cross",
        "decided_on": clock.now_ms(),
    }
    return OrderIntent(**(facts | changes))
