"""The world of one story: the twin's engine as the exchange, and the processes of the money path around it.

Coordinator, trader and portfolio are put together by their own ``compose``; what is handed to them lives in memory and
outlives them. Nobody here decides anything: an adversary's actions happen to the world, and time passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from typing import Any, cast

import coordinator.src.composition
import portfolio.src.composition
import trader.src.composition
from backtester.full_engine.exchange import TapeAccount, TapePrices
from backtester.full_engine.readers import PortfolioFunds, StoredAccount, StoredTrades
from coordinator.src.adapters.memory_decisions import MemoryDecisionStore
from core.positions.model import MANUAL
from core.risk.funding import Denied, Granted
from portfolio.src.adapters.memory_account import MemoryAccountRecords
from portfolio.src.adapters.memory_capital import MemoryCapital
from portfolio.src.adapters.memory_cycle_values import MemoryCycleValues
from portfolio.src.adapters.memory_performance import MemoryPerformance
from portfolio.src.bookkeeper import Bookkeeper
from shared.memory.bus import InMemoryBus
from shared.memory.clock import SimulatedClock
from shared.memory.last_values import MemoryLastValues
from shared.memory.streams import MemoryStreams
from shared.src.bus.ports import LastValue
from shared.src.config import Settings, load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import CONSENSUS, DEAD_LETTERS
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import RootTradingError, TransientError
from shared.src.domain.money import floor_to_step
from shared.src.domain.orders import IntentKind, OrderType, Side
from shared.src.domain.signals import StrengthLevel
from simulator.engine.accounts import Account
from simulator.engine.errors import ApiError
from simulator.engine.exchange import Engine
from simulator.engine.orders import EngineOrder, ListRequest, OrderRequest, Ref
from simulator.engine.rules import MarketRules
from tests.simulation.even_volume import EvenVolume
from tests.simulation.exchange import Conditions, EngineRules, SimulatedExchange, UserStreams
from tests.simulation.market import Market
from tests.simulation.processes import Build, Killed, Lifeline, MachineClock, Process, Work, own_tasks
from tests.unit.simulator.engine.filters import default_filters
from trader.src.adapters.engine_exchange import EngineExchange
from trader.src.adapters.memory_lease import LeaseTable, MemoryLease
from trader.src.adapters.memory_store import MemoryStore
from trader.src.adapters.tick_prices import TickPrices
from trader.src.one_trader import OneTrader
from trader.src.service import Timers, TraderService

ACCOUNT = "owner"
QUOTE = "USDC"
OPENING_S = 3.0
FEE = Decimal("0.001")

# base, first price, tick, step
MARKETS: dict[str, tuple[str, Decimal, str, str]] = {
    "BTCUSDC": ("BTC", Decimal(50_000), "0.01", "0.00001"),
    "ETHUSDC": ("ETH", Decimal(2_500), "0.01", "0.0001"),
}
OPENING_BALANCES = {QUOTE: Decimal(10_000), "BTC": Decimal("0.05"), "ETH": Decimal(1)}
# Enough for some fees, not for all of a long story.
BNB_PRICE, BNB_AT_FIRST = Decimal(600), Decimal("0.01")
RESTART_S = 1.0
# Who finds by himself what no message told looks a little less often than live: it is most of the work.
TIMERS = Timers(watch_s=1.0, publish_s=3.0, sweep_s=3.0)
SWEEP_EVERY_S = 4.0
LIMITS: dict[str, Any] = {
    "max_exposure_percent": "40",
    "max_strategy_exposure_percent": "90",
    "max_concurrent_positions": 3,
    "max_position_size": "2000",
    "max_daily_loss": "5000",
    "max_daily_loss_percent": "90",
    "max_drawdown_percent": "90",
}


@dataclass(slots=True)
class Service:
    """A service: how it is put together, and the process in which it runs now."""

    name: str
    build: Build
    process: Process | None = None
    died_s: float | None = None
    started_s: float = 0.0


class World:
    """Use ``start``, then the parts; ``stop`` at the end.

    ``bnb``: the account pays fees in BNB while it has some. ``coins``: its owner has some of what is traded.
    """

    def __init__(
        self, clock: SimulatedClock, changes: dict[str, Any], *, bnb: bool = False, coins: bool = True
    ) -> None:
        self.clock = clock
        self.machine = MachineClock(clock)
        self.changes = changes
        self.settings = settings_of(changes)
        self.engine = Engine()
        self._list_markets()
        own = OPENING_BALANCES if coins else {QUOTE: OPENING_BALANCES[QUOTE]}
        balances = {asset: amount for asset, amount in own.items() if asset in self._assets()}
        if bnb:
            self.engine.add_symbol(MarketRules.create("BNBUSDC", "BNB", QUOTE, default_filters()), BNB_PRICE)
            balances["BNB"] = BNB_AT_FIRST
        self.account: Account = self.engine.add_account(ACCOUNT, balances, FEE, FEE, bnb_discount=bnb)
        self.opening = dict(balances)
        self.flows: dict[str, Decimal] = {}
        self.conditions = Conditions(clock)
        self.unlisted: set[str] = set()
        self.streams = UserStreams(self.engine, ACCOUNT, clock, self.conditions)
        self.canceled_by_hand: set[int] = set()
        self.placed_by_hand: set[int] = set()
        self.canceled_by_exchange: set[int] = set()
        self.ended: list[str] = []
        self._messages = MemoryStreams()
        self._values = MemoryLastValues(self.machine)
        self._make_stores()
        self.signals: dict[str, ConsensusSignal] = {}
        self.manual: list[OrderIntent] = []
        self.markets = {
            symbol: Market(self.engine, symbol, self.engine.last_price(symbol) or Decimal(1))
            for symbol in self.engine.markets
        }
        self.trader: TraderService | None = None  # the one that acts
        self._leases = LeaseTable()
        self._senders: list[Process] = []
        self._books: Bookkeeper | None = None
        self.portfolio: portfolio.src.composition.Portfolio | None = None
        self.services = {
            "portfolio": Service("portfolio", self._portfolio),
            "trader": Service("trader", self._trader),
            "coordinator": Service("coordinator", self._coordinator),
        }

    def _list_markets(self) -> None:
        for symbol in self.settings.trading_symbols:
            base, price, tick, step = MARKETS[symbol]
            rules = MarketRules.create(symbol, base, QUOTE, default_filters(tick=tick, step=step))
            self.engine.add_symbol(rules, price)

    def _assets(self) -> set[str]:
        return {QUOTE, *(MARKETS[symbol][0] for symbol in self.settings.trading_symbols)}

    def _make_stores(self) -> None:
        self.decisions = MemoryDecisionStore(self.machine, self._accepted)
        self.trades = MemoryStore(self.machine, self.decisions.approved, demo=True)
        read = StoredTrades(self.trades)
        self.capital = MemoryCapital(read, self.machine)
        self._records = MemoryAccountRecords()
        self._cycle_values = MemoryCycleValues(read)
        self._results = MemoryPerformance(read, self._cycle_values)

    async def _accepted(self) -> Sequence[ConsensusSignal]:
        return tuple(self.signals.values())

    # Processes

    async def start(self) -> None:
        """Every service, and time for the books to open."""
        own_tasks(asyncio.get_running_loop())
        for market in self.markets.values():
            market.offer(self.clock.now_ms())
        await self.capital.found(self.settings.pocket_shares(), self.machine.now())
        for service in self.services.values():
            self._run(service)
        await self.clock.pass_by(OPENING_S)

    def _run(self, service: Service) -> None:
        process = Process(service.name, self._on_death, self.ended.append)
        service.process = process
        service.started_s = self.clock.monotonic()
        process.start(service.build)

    def _on_death(self, process: Process) -> None:
        service = self.services[process.name]
        service.died_s = self.clock.monotonic()
        service.process = None
        asyncio.get_running_loop().call_later(RESTART_S, self._again, service)

    def _again(self, service: Service) -> None:
        if service.process is None:
            self._run(service)

    def down_s(self) -> float | None:
        """When the trader was last dead."""
        service = self.services["trader"]
        return self.clock.monotonic() if service.process is None else service.died_s

    def blind_s(self) -> float | None:
        """Since when the trader's process can see nothing of the account; None when it can."""
        since_s = self.conditions.blind_since_s()
        return None if since_s is None else max(since_s, self.services["trader"].started_s)

    def start_second_trader(self) -> None:
        """Somebody starts the trader a second time, on the same database and account."""
        if "trader again" not in self.services:
            service = Service("trader again", self._trader)
            self.services[service.name] = service
            self._run(service)

    def restart_with(self, changes: dict[str, Any]) -> None:
        """Every service anew, with other settings."""
        self.changes |= changes
        self.settings = settings_of(self.changes)
        for service in self.services.values():
            if service.process is not None:
                service.process.die()

    async def recover(self) -> None:
        """Nothing keeps anybody from its work any more: no fault, no halt; who is dead is started."""
        self.conditions.clear()
        for symbol in self.engine.markets:
            if self.engine.market(symbol).rules.status != "TRADING":
                self.engine.set_status(symbol, "TRADING", self.clock.now_ms())
        for service in self.services.values():
            if service.process is None:
                self._run(service)
            else:
                service.process.steps_left = None

    async def stop(self) -> None:
        """End every process."""
        for service in self.services.values():
            process, service.process = service.process, None
            if process is not None:
                process.is_dead = True
                await process.stop()

    # How services are put together

    def _bus(self, process: Process) -> Any:
        return Lifeline(InMemoryBus(self._messages), process)

    def _stored(self, store: object, process: Process) -> Any:
        return Lifeline(store, process, self.conditions.way_to_database)

    def _reading(self) -> EngineExchange:
        """The account as those see it who only read."""
        return EngineExchange(self.engine, ACCOUNT, self.clock, events=tuple)

    async def _portfolio(self, process: Process) -> dict[str, Work]:
        exchange = self._reading()
        self.portfolio = portfolio.src.composition.compose(
            settings=self.settings,
            bus=self._bus(process),
            clock=self.machine,
            store=self._stored(self.capital, process),
            records=self._records,
            values=self._values,
            results=self._results,
            cycle_values=self._cycle_values,
            exchange=TapeAccount(exchange),
            prices=TapePrices(exchange, self.settings.trading_symbols),
            sweep_every_s=SWEEP_EVERY_S,
        )
        return self.portfolio.tasks()

    async def _trader(self, process: Process) -> dict[str, Work]:
        lease = MemoryLease(self._leases, self.clock, is_alive=lambda: not process.is_dead)
        exchange = SimulatedExchange(
            self.engine,
            ACCOUNT,
            self.clock,
            streams=self.streams,
            conditions=self.conditions,
            unlisted=self.unlisted,
            symbols=self.settings.trading_symbols,
            quote_asset=QUOTE,
            fence=partial(self._before_sending, process, lease),
        )
        line = cast(Any, Lifeline(exchange, process))
        alone = OneTrader(line, lease, self.machine)
        service = trader.src.composition.compose(
            settings=self.settings,
            bus=self._bus(process),
            clock=self.machine,
            store=self._stored(self.trades, process),
            exchange=line,
            prices=TickPrices(SharedPrices(self._values, self.conditions), line, self.machine),
            timers=TIMERS,
            candles=EvenVolume(),
        )

        async def act() -> None:
            self.trader = service
            await asyncio.Event().wait()

        return alone.tasks({**service.tasks(), "act": act})

    def _before_sending(self, process: Process, lease: MemoryLease) -> None:
        lease.check()
        if process not in self._senders:
            self._senders.append(process)

    def acting(self) -> int:
        """How many traders that live have changed something on the exchange."""
        return sum(not process.is_dead for process in self._senders)

    async def _coordinator(self, process: Process) -> dict[str, Work]:
        prices = TapePrices(self._reading(), self.settings.trading_symbols)
        service = coordinator.src.composition.compose(
            settings=self.settings,
            bus=self._bus(process),
            clock=self.machine,
            store=self._stored(self.decisions, process),
            accounts=StoredAccount(self.trades, self.capital, self.decisions, prices, quote_asset=QUOTE),
            funds=FundsOfAnotherProcess(self),
            rules=EngineRules(self.engine, self.conditions, self.unlisted),
            sweep_every_s=SWEEP_EVERY_S,
        )
        return service.tasks()

    # What comes from outside

    async def signal(self, symbol: str, side: Side, *, stop_percent: Decimal, target_percent: Decimal) -> None:
        """The signal aggregator tells of an accepted consensus at the price of now."""
        price = self.engine.last_price(symbol)
        assert price is not None
        number = len(self.signals) + 1
        buys = side is Side.BUY
        signal = ConsensusSignal(
            message_id=f"consensus-{number}",
            correlation_id=f"consensus-{number}",
            occurred_at=self.machine.now(),
            symbol=symbol,
            timeframe=Timeframe.M1,
            time=self.clock.now_ms() - 60_000,
            close_time=self.clock.now_ms(),
            side=side,
            strength=0.9,
            level=StrengthLevel.VERY_STRONG,
            confidence=0.9,
            price=price,
            stop_loss=price * (1 - stop_percent / 100) if buys else None,
            take_profit=price * (1 + target_percent / 100) if buys else None,
            strategy="EMA_Cross",
            strategies=("EMA_Cross",),
            families=("trend",),
        )
        self.signals[signal.message_id] = signal
        await InMemoryBus(self._messages).publish(CONSENSUS, signal)

    def happened(self) -> None:
        """To be called after something changed on the exchange that was no call of a process."""
        self.streams.publish()

    def trade_by_hand(self, request: OrderRequest) -> None:
        """The operator places an order; the exchange may refuse it."""
        if request.symbol in self.unlisted:
            return
        try:
            placed = self.engine.place(self.account, request, self.clock.now_ms())
        except ApiError:
            return
        self.placed_by_hand.add(placed.order.order_id)

    def list_by_hand(self, request: ListRequest) -> None:
        """The operator places an order list; the exchange may refuse it."""
        if request.symbol in self.unlisted:
            return
        try:
            placed = self.engine.place_list(self.account, request, self.clock.now_ms())
        except ApiError:
            return
        self.placed_by_hand.update(placed.order_list.order_ids)

    def cancel_by_hand(self, order: EngineOrder) -> None:
        """The operator takes an order off, with its list."""
        together = self.account.lists.get(order.order_list_id)
        ids = together.order_ids if together is not None else (order.order_id,)
        try:
            self.engine.cancel(self.account, order.symbol, Ref(id=order.order_id), self.clock.now_ms())
        except ApiError:
            return
        self.canceled_by_hand.update(ids)

    def delist(self, symbol: str) -> None:
        """The exchange takes a symbol off its list, with everything that stands there."""
        standing = [order.order_id for order in self.account.open_on(symbol)]
        self.unlisted.add(symbol)
        self.canceled_by_exchange.update(standing)
        if standing:
            self.engine.cancel_all(self.account, symbol, self.clock.now_ms())

    def change_filters(self, symbol: str, lot_factor: int, notional: Decimal) -> None:
        """Other sizes than those at the beginning."""
        _, _, tick, step = MARKETS[symbol]
        filters = default_filters(tick=tick, step=str(Decimal(step) * lot_factor), min_notional=str(notional))
        sizes = [entry for entry in filters if entry["filterType"] in {"LOT_SIZE", "NOTIONAL"}]
        self.engine.set_filters(symbol, sizes, self.clock.now_ms())

    def limit_stops(self, symbol: str, most: int) -> None:
        """How many stops may stand from now on."""
        limit = {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": most}
        self.engine.set_filters(symbol, [limit], self.clock.now_ms())

    def order_by_api(self, symbol: str, amount: Decimal, price: Decimal) -> None:
        """The user asks the trader for a resting order worth ``amount``; nobody waits for the answer."""
        service = self.services["trader"]
        if service.process is None or self.trader is None:
            return
        number = len(self.manual) + 1
        price = floor_to_step(price, Decimal(MARKETS[symbol][2]))
        quantity = floor_to_step(amount / price, Decimal(MARKETS[symbol][3]))
        intent = OrderIntent(
            message_id=f"manual-{number}",
            occurred_at=self.machine.now(),
            correlation_id=f"manual-{number}",
            symbol=symbol,
            kind=IntentKind.ENTRY,
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=quantity,
            price=price,
            reference_price=price,
            reserved=Decimal(0),
            strategy=MANUAL,
            decided_on=self.clock.now_ms(),
            reason="by hand",
        )
        self.manual.append(intent)
        service.process.spawn(_asked(self.trader.intents.take(intent)), "trader: order by API")

    async def close_by_api(self, pick: int) -> None:
        """The user asks for the end of one of the open positions."""
        cycles = await self.trades.open_cycles()
        service = self.services["trader"]
        if cycles and service.process is not None and self.trader is not None:
            cycle = cycles[pick % len(cycles)]
            await self.trades.request_exit(cycle.id, "by hand")
            self.trader.cycle_manager.wake(cycle.id)

    def repeat(self, topic: str, back: int) -> None:
        """A message is delivered again, as after a process that died before it said that it was through."""
        stream = self._messages.of(topic)
        found = stream.read(max(stream.begin, stream.end - 1 - back), 1)
        for _, raw in found:
            stream.append(raw)

    def kill(self, name: str, steps: int) -> None:
        """Let a process die, so many steps from now."""
        process = self.services[name].process
        if process is None:
            return
        if steps:
            process.steps_left = steps
        else:
            process.die()

    def flow(self, asset: str, amount: Decimal) -> None:
        """The owner deposits (+) or withdraws (-) units of an asset, as far as they are free."""
        amount = max(amount, -self.account.free(asset))
        if amount:
            self.engine.deposit(self.account, asset, amount, self.clock.now_ms())
            self.flows[asset] = self.flows.get(asset, Decimal(0)) + amount

    def dead_letters(self) -> list[str]:
        """What handlers broke on, with the reason."""
        stream = self._messages.of(DEAD_LETTERS)
        return [raw.decode() for _, raw in stream.read(stream.begin, 100)]


class SharedPrices:
    """Implements ``LastValues`` for who reads prices: a store that knows none, and may be away altogether."""

    def __init__(self, values: MemoryLastValues, conditions: Conditions) -> None:
        self._values = values
        self._conditions = conditions

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        self._conditions.refuse_values()
        return await self._values.get(names)

    async def matching(self, pattern: str) -> dict[str, bytes]:
        self._conditions.refuse_values()
        return await self._values.matching(pattern)

    async def put(self, values: Iterable[LastValue]) -> None:
        self._conditions.refuse_values()
        await self._values.put(values)


class FundsOfAnotherProcess:
    """Implements ``coordinator.src.ports.FundsClient``: the portfolio's handler, run in its process, as behind HTTP."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def reserve(self, wanted: Sequence[ReservationRequest], *, ttl_s: float) -> Sequence[Granted | Denied]:
        service = self._world.services["portfolio"]
        if service.process is None or self._world.portfolio is None:
            raise TransientError("the portfolio does not answer")
        funds = PortfolioFunds(self._world.portfolio.books)
        task = service.process.spawn(funds.reserve(wanted, ttl_s=ttl_s), "portfolio: reserve")
        await asyncio.wait({task})
        if task.cancelled() or isinstance(task.exception(), Killed):
            raise TransientError("the portfolio does not answer any more")
        return task.result()


async def _asked(work: Coroutine[Any, Any, Any]) -> None:
    """A request whose asker is told of an error and goes on."""
    with suppress(RootTradingError):
        await work


@cache
def _loaded(changes: tuple[tuple[str, Any], ...]) -> Settings:
    return load_settings(**dict(changes))


def settings_of(changes: dict[str, Any]) -> Settings:
    """The settings of a world: roomy limits, one symbol, and what a story changes."""
    chosen = {"trading_symbols": "BTCUSDC"} | LIMITS | changes
    return _loaded(tuple(sorted(chosen.items())))
