"""A trader with its exchange, a matching engine, and its store in one process: nothing but memory and a moved clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar, cast

from core.positions.model import Cycle, Order, Purpose
from core.positions.protection import Protection
from shared.memory.manual_clock import ManualClock
from shared.src.bus.ports import Bus
from shared.src.config import load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.candles import MINUTE_MS
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import IntentKind, Side
from shared.src.exchange.models import ExchangeOrder, OrderReport, Replacement
from shared.src.exchange.rules import SymbolRules
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.counted_minutes import CountedMinutes
from tests.unit.trader.crash_world import CrashingBus
from tests.unit.trader.fake_exchange import SYMBOL, Fuse
from tests.unit.trader.rig import LIMITS, intent
from trader.src.adapters.engine_exchange import EngineExchange
from trader.src.adapters.memory_store import MemoryStore
from trader.src.composition import compose
from trader.src.service import TraderService

ACCOUNT = "owner"
D = Decimal
T = TypeVar("T")


async def nothing_pending(_: object) -> list[OrderIntent]:
    return []


class WatchedExchange(EngineExchange):
    """Tells what was asked of it, whether the position was naked when it answered, and may be told to fail.

    ``failures``: by method, what its next calls raise; ``answers_lost``: how many of its answers get lost. ``hides``:
    it finds no order by our id; ``silent``: its stream tells nothing. ``calls``: every order and cancel in turn, with
    the base units that no stop covered after it.
    """

    def __init__(self, engine: Engine, account: str, clock: ManualClock) -> None:
        super().__init__(engine, account, clock)
        self.engine = engine
        self.failures: dict[str, list[Exception]] = {}
        self.answers_lost: dict[str, int] = {}
        self.hides = self.silent = False
        self.read_before: SymbolRules | None = None
        self.blocked_until = self.entries_wait = 0.0
        self.calls: list[tuple[str, Decimal]] = []

    async def place(self, order: Order) -> OrderReport:
        return await self._watched("place", super().place(order))

    async def place_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> list[OrderReport]:
        return await self._watched("place_pair", super().place_pair(take_profit, stop, list_client_id))

    async def place_entry_list(self, entry: Order, exits: Protection) -> list[OrderReport]:
        return await self._watched("place_entry_list", super().place_entry_list(entry, exits))

    async def replace(self, old: Order, new: Order) -> Replacement:
        return await self._watched("replace", super().replace(old, new))

    async def cancel(self, order: Order) -> list[ExchangeOrder]:
        return await self._watched("cancel", super().cancel(order))

    def announce(self) -> None:
        if self.silent:
            self._drain()
        else:
            super().announce()

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        if self.hides:
            raise RejectedError("-2013 Order does not exist.", code=-2013)
        return await super().order(symbol, client_order_id)

    async def blocked_s(self) -> float:
        return max(0.0, self.blocked_until - self._clock.monotonic())

    def entries_wait_s(self) -> float:
        return self.entries_wait

    async def rules(self, symbol: str) -> SymbolRules:
        """``read_before``: rules that have changed since they were read."""
        return self.read_before or await super().rules(symbol)

    async def current_rules(self, symbol: str) -> SymbolRules:
        self.read_before = None
        if waiting := self.failures.get("current_rules"):
            raise waiting.pop(0)
        return await super().current_rules(symbol)

    async def _watched(self, name: str, call: Coroutine[Any, Any, T]) -> T:
        if waiting := self.failures.get(name):
            call.close()
            self.calls.append((f"{name} failed", self.uncovered))
            raise waiting.pop(0)
        try:
            answer = await call
        finally:
            self.calls.append((name, self.uncovered))
        if self.answers_lost.get(name):
            self.answers_lost[name] -= 1
            raise self.silence()
        return answer

    @staticmethod
    def silence() -> OutcomeUnknownError:
        return OutcomeUnknownError("no answer from the exchange")

    @staticmethod
    def closed() -> RejectedError:
        return RejectedError("-2010 Market is closed.", code=-2010)

    @staticmethod
    def busy() -> TransientError:
        return TransientError("told to wait 20 s: Too many requests.")

    @property
    def held(self) -> Decimal:
        balance = self.engine.account(ACCOUNT).balance("BTC")
        return balance.free + balance.locked

    @property
    def uncovered(self) -> Decimal:
        """Base units of the account that no open stop would sell, by the engine's own orders."""
        stops = (o for o in self.engine.account(ACCOUNT).open_on(SYMBOL) if o.type.value.startswith("STOP_LOSS"))
        return self.held - sum((order.quantity - order.executed for order in stops if not order.is_buy), ZERO)


@dataclass
class World:
    """An engine with one market, the account of a trader on it, and the trader."""

    clock: ManualClock
    engine: Engine
    exchange: WatchedExchange
    store: MemoryStore
    bus: CrashingBus
    trader: TraderService
    minutes: CountedMinutes

    def count(self, volume: str) -> None:
        """So much was traded in the minute that closed last."""
        self.minutes.volumes[(self.clock.now_ms() // MINUTE_MS - 1) * MINUTE_MS] = D(volume)

    async def offer(self, bid: str, ask: str) -> None:
        """Outsiders offer at these prices, and trade once at the bid."""
        self.book([(bid, "5")], [(ask, "5")])
        await self.trade(Side.SELL, "0.001", bid)

    def book(self, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        """All that outsiders offer: prices and quantities."""
        lower, upper = ([(D(price), D(quantity)) for price, quantity in side] for side in (bids, asks))
        self.engine.set_liquidity(SYMBOL, lower, upper, self.clock.now_ms())

    async def trade(self, side: Side, quantity: str, price: str) -> None:
        """An outsider takes from the book at this price or better; what the book does not have is traded elsewhere."""
        now_ms = self.clock.now_ms()
        self.engine.outside_trade(SYMBOL, side, D(quantity), now_ms, price=D(price), print_rest=True)
        self.exchange.announce()
        await self.quiet()

    async def quiet(self) -> None:
        """Until everything that was told has been heard and done."""
        while not self.exchange._news.empty() or self.trader.cycle_manager._workers:
            await asyncio.sleep(0)
            await self.trader.cycle_manager.idle()

    async def take(self, kind: IntentKind = IntentKind.ENTRY) -> None:
        await self.trader.on_intent(intent(1, self.clock, kind=kind))
        await self.quiet()

    async def buy(self, **decided: Any) -> None:
        """A decision to buy 0.02 BTC, with its stop at 49000 and its target at 52000."""
        levels = {"stop_loss": D(49000), "take_profit": D(52000)}
        await self.trader.on_intent(intent(1, self.clock, **(levels | decided)))
        await self.quiet()

    async def leave(self, reason: str = "signal") -> None:
        """Somebody asks for the way out."""
        await self.store.request_exit(self.cycle.id, reason)
        self.trader.cycle_manager.wake(self.cycle.id)
        await self.quiet()

    async def wait(self, seconds: float) -> None:
        """Time passes, in which the trader looks by itself as its timers do; what fails is tried the next time."""
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)
            self.engine.tick(self.clock.now_ms())
            self.exchange.announce()
            with suppress(TransientError, OutcomeUnknownError, RejectedError):
                await self.trader.watcher.look()
            await self.quiet()

    def standing(self) -> list[str]:
        """What the account has on the exchange, by type and what is left of it."""
        orders = self.engine.account(ACCOUNT).open_on(SYMBOL)
        return [f"{order.type.value} {(order.quantity - order.executed).normalize()}" for order in orders]

    def rows(self, purpose: Purpose) -> list[Order]:
        return [order for order in self.store.all_orders() if order.purpose is purpose]

    @property
    def cycle(self) -> Cycle:
        (cycle,) = self.store.all_cycles()
        return cycle


@asynccontextmanager
async def one_process(
    prepare: Callable[[Engine], None] = lambda _engine: None, **settings: Any
) -> AsyncIterator[World]:
    """``prepare``: what was done on the exchange before the trader was started for the first time."""
    clock = ManualClock()
    engine = Engine()
    engine.add_symbol(MarketRules.create(SYMBOL, "BTC", "USDC", default_filters()), D(50_000))
    engine.add_account(ACCOUNT, {"USDC": D(10_000)}, D("0.001"), D("0.001"))
    prepare(engine)
    exchange = WatchedExchange(engine, ACCOUNT, clock)
    store = MemoryStore(clock, nothing_pending)
    bus = CrashingBus(Fuse())
    minutes = CountedMinutes()
    trader = compose(
        settings=load_settings(**(LIMITS | settings)),
        bus=cast(Bus, bus),
        clock=clock,
        store=store,
        exchange=exchange,
        prices=exchange,
        candles=minutes,
    )
    hearing = asyncio.create_task(trader.run_exchange())
    while not trader.reconciler.runs:  # noqa: ASYNC110  the reconciler has no event of its own
        await asyncio.sleep(0)
    trader.reconciler.outlook.note_comparison(float("inf"))  # the timers that compare again do not run here
    world = World(clock, engine, exchange, store, bus, trader, minutes)
    await world.offer("49999", "50000")
    yield world
    hearing.cancel()
