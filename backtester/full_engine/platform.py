"""The whole platform in one process: every service as its own function composes it, on transports in memory.

Nothing in a service knows of it. What differs from a platform of processes is what is handed over: a bus and stores in
memory instead of Redis and PostgreSQL, the twin's engine instead of Binance, a clock that is moved instead of one that
runs. Messages are encoded and decoded all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import analyzer.src.composition
import coordinator.src.composition
import gateway.src.composition
import market_analyzer.src.composition
import portfolio.src.composition
import signal_aggregator.src.composition
import trader.src.composition
from analyzer.src.adapters.memory_features import MemoryStoredFeatures
from analyzer.src.adapters.memory_parameters import MemoryParameterStore
from analyzer.src.strategy_loader import LoadedStrategy
from backtester.full_engine.exchange import TapeAccount, TapeCalls, TapePrices
from backtester.full_engine.readers import PortfolioFunds, StoredAccount, StoredTrades
from coordinator.src.adapters.memory_decisions import MemoryDecisionStore
from core.risk.limits import RiskLimits
from gateway.src.adapters.memory_producer import MemoryMarketProducer
from gateway.src.adapters.memory_socket import MemorySocket
from market_analyzer.src.adapters.memory_features import MemoryFeatureStore
from portfolio.src.adapters.memory_account import MemoryAccountRecords
from portfolio.src.adapters.memory_capital import MemoryCapital
from portfolio.src.adapters.memory_cycle_values import MemoryCycleValues
from portfolio.src.adapters.memory_performance import MemoryPerformance
from shared.memory.bus import InMemoryBus
from shared.memory.candles import MemoryCandleStore
from shared.memory.clock import SimulatedClock
from shared.memory.features import MemoryFeatureTable
from shared.memory.last_values import MemoryLastValues
from shared.memory.streams import MemoryStreams
from shared.src.config import Settings
from shared.src.exchange.market_data import MarketData
from signal_aggregator.src.adapters.memory_signals import MemorySignalStore
from simulator.engine.exchange import Engine
from simulator.tape import Tape
from trader.src.adapters.engine_exchange import EngineExchange
from trader.src.adapters.memory_store import MemoryStore

Work = Callable[[], Awaitable[None]]

# Wall time is what the services take for their work, market time jumps from moment to moment (ADR 10). It stands until
# the history is loaded and the books are open; after each moment it stands long enough for the slowest thing that has
# to be done before the next one: a stop that the price jumped over is given 1.5 s to fill.
OPENING_S = 30.0
STANDSTILL_S = 3.0


@dataclass(frozen=True, slots=True)
class Stores:
    """What the services keep; what a run is judged by afterwards."""

    candles: MemoryCandleStore
    features: MemoryFeatureTable
    signals: MemorySignalStore
    decisions: MemoryDecisionStore
    trades: MemoryStore
    capital: MemoryCapital
    account: MemoryAccountRecords
    performance: MemoryPerformance
    cycle_values: MemoryCycleValues


class Platform:
    """Seven services at work on one tape. ``start`` them, ``advance`` the market as often as wanted, ``stop`` them."""

    def __init__(
        self,
        settings: Settings,
        *,
        tape: Tape,
        engine: Engine,
        account: str,
        clock: SimulatedClock,
        strategies: Sequence[LoadedStrategy],
    ) -> None:
        self._settings = settings
        self._tape = tape
        self._clock = clock
        self._streams = MemoryStreams()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._symbols = settings.trading_symbols
        self.exchange = EngineExchange(engine, account, clock, events=tape.account_events)
        self._market = MarketData(TapeCalls(tape, engine, clock), clock)
        self._values = MemoryLastValues(clock)
        self.stores = self._stores()
        self._work = self._compose(strategies)

    def _stores(self) -> Stores:
        """The stores; those that read one another's rows are given what they read."""
        clock = self._clock
        candles, signals = MemoryCandleStore(), MemorySignalStore(clock)
        decisions = MemoryDecisionStore(clock, signals.accepted)
        trades = MemoryStore(clock, decisions.approved, demo=self._settings.is_demo)
        read = StoredTrades(trades)
        values = MemoryCycleValues(read)
        return Stores(
            candles=candles,
            features=MemoryFeatureTable(candles),
            signals=signals,
            decisions=decisions,
            trades=trades,
            capital=MemoryCapital(read, clock),
            account=MemoryAccountRecords(),
            performance=MemoryPerformance(read, values),
            cycle_values=values,
        )

    def _bus(self) -> InMemoryBus:
        """A bus of a service's own on the streams of all, as each process has."""
        return InMemoryBus(self._streams)

    def _compose(self, strategies: Sequence[LoadedStrategy]) -> dict[str, dict[str, Work]]:
        """Every service's work by name. Those who receive come before those who send."""
        self._gateway = self._compose_gateway()
        return self._compose_money() | self._compose_decisions(strategies) | {"gateway": self._gateway.tasks()}

    def _compose_money(self) -> dict[str, dict[str, Work]]:
        settings, clock, stores = self._settings, self._clock, self.stores
        prices = TapePrices(self.exchange, self._symbols)
        books = portfolio.src.composition.compose(
            settings=settings,
            bus=self._bus(),
            clock=clock,
            store=stores.capital,
            records=stores.account,
            values=self._values,
            results=stores.performance,
            cycle_values=stores.cycle_values,
            exchange=TapeAccount(self.exchange),
            prices=prices,
        )
        trades = trader.src.composition.compose(
            settings=settings,
            bus=self._bus(),
            clock=clock,
            store=stores.trades,
            exchange=self.exchange,
            prices=self.exchange,
            candles=stores.candles,
        )
        decisions = coordinator.src.composition.compose(
            settings=settings,
            bus=self._bus(),
            clock=clock,
            store=stores.decisions,
            accounts=StoredAccount(
                stores.trades,
                stores.capital,
                stores.decisions,
                prices,
                quote_asset=settings.quote_asset,
                history=RiskLimits.of(settings).history,
            ),
            funds=PortfolioFunds(books.books),
            rules=self._market,
            candles=stores.candles,
        )
        return {"portfolio": books.tasks(), "trader": trades.tasks(), "coordinator": decisions.tasks()}

    def _compose_decisions(self, strategies: Sequence[LoadedStrategy]) -> dict[str, dict[str, Work]]:
        settings, clock, stores = self._settings, self._clock, self.stores
        signals = signal_aggregator.src.composition.compose(
            settings=settings, bus=self._bus(), clock=clock, store=stores.signals
        )
        votes = analyzer.src.composition.compose(
            settings=settings,
            bus=self._bus(),
            clock=clock,
            strategies=strategies,
            symbols=self._symbols,
            parameters=MemoryParameterStore(clock),
            features=MemoryStoredFeatures(stores.features),
        )
        features = market_analyzer.src.composition.compose(
            settings=settings,
            bus=self._bus(),
            clock=clock,
            candles=stores.candles,
            store=MemoryFeatureStore(stores.features),
            values=self._values,
        )
        return {
            "signal_aggregator": signals.tasks(),
            "analyzer": votes.tasks(),
            "market_analyzer": features.tasks(),
        }

    def _compose_gateway(self) -> gateway.src.composition.Gateway:
        producer = MemoryMarketProducer(self._bus(), self.stores.candles, self._clock)
        return gateway.src.composition.compose(
            settings=self._settings,
            clock=self._clock,
            exchange=self._market,
            producer=producer,
            candles=self.stores.candles,
            open_socket=MemorySocket,
            symbols=self._symbols,
        )

    # Running

    async def start(self) -> None:
        """Start every service; returns when the history is loaded, the books are open and nothing is left to do."""
        await self.stores.capital.found(self._settings.pocket_shares(), self._clock.now())
        for service, work in self._work.items():
            for name, task in work.items():
                label = f"{service}: {name}"
                self._tasks[label] = asyncio.create_task(_forever(task), name=label)
        self._clock.hold_at(self._tape.now_ms)
        await self._clock.pass_by(OPENING_S)
        self._raise_what_ended()

    async def advance(self, until_ms: int) -> None:
        """Play the market up to ``until_ms`` (ms of market time), and let everything happen that follows from it."""
        self._clock.hold_at(until_ms)
        for frame in self._tape.advance(until_ms):
            await self._gateway.service.on_frame(frame.text())
        self.exchange.announce()
        await self._clock.pass_by(STANDSTILL_S)
        self._raise_what_ended()

    def _raise_what_ended(self) -> None:
        for name, task in self._tasks.items():
            if task.done():
                task.result()
                raise RuntimeError(f"{name} ended by itself")

    async def stop(self) -> None:
        """End every task."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()


async def _forever(task: Work) -> None:
    await task()
