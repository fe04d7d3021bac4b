"""The portfolio in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest

from core.statistics.periods import PeriodKey
from portfolio.src.adapters.memory_account import MemoryAccountRecords
from portfolio.src.adapters.memory_capital import MemoryCapital
from portfolio.src.adapters.memory_cycle_values import MemoryCycleValues
from portfolio.src.adapters.memory_performance import MemoryPerformance
from portfolio.src.composition import Portfolio, compose
from portfolio.src.prices import LastPrices
from shared.memory.bus import InMemoryBus
from shared.memory.last_values import MemoryLastValues
from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.domain.money import ZERO
from tests.behaviour.portfolio.fixtures import account, books, clock, manager
from tests.behaviour.portfolio.memory_trader import MemoryTrader
from tests.behaviour.portfolio.world import SHARES, FakeAccount, Row, World

__all__ = ["account", "books", "clock", "manager"]


class MemoryWorld(World):
    def __init__(self, store: MemoryCapital, clock: ManualClock) -> None:
        super().__init__(store)
        self._memory = store
        self._clock = clock

    async def kinds(self) -> list[str]:
        return sorted(posting.kind.value for posting in self._memory.postings if posting.kind.value != "opening")

    async def age_leases(self) -> None:
        self._clock.advance(4000)


@dataclass
class MemoryRecords:
    records: MemoryAccountRecords
    results: MemoryPerformance
    cycle_values: MemoryCycleValues

    async def wallets(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {asset: (balance.free, balance.locked) for asset, balance in self.records.wallets.items()}

    async def values(self) -> list[tuple[datetime, Decimal]]:
        return [(at, sum((each.value or ZERO for each in held), ZERO)) for at, held in self.records.snapshots]

    async def points(self) -> list[Row]:
        return [(point.equity, point.flow, point.return_index) for _, point in self.records.points]

    async def rows(self) -> dict[PeriodKey, Row]:
        return {
            key: (each.cycles, each.wins, each.profit_loss, each.volume, each.best, each.worst)
            for key, each in self.results.rows.items()
        }


async def no_closes(symbols: Sequence[str]) -> dict[str, Decimal]:
    return {}


async def no_closes_then(symbols: Sequence[str], moment: datetime) -> dict[str, Decimal]:
    return {}


@pytest.fixture
def trader(clock: ManualClock) -> MemoryTrader:
    return MemoryTrader(clock)


@pytest.fixture
async def bus() -> InMemoryBus:
    return InMemoryBus()


@pytest.fixture
async def world(trader: MemoryTrader, clock: ManualClock) -> MemoryWorld:
    store = MemoryCapital(trader, clock)
    await store.found(SHARES, clock.now())
    return MemoryWorld(store, clock)


@pytest.fixture
def records_world(trader: MemoryTrader) -> MemoryRecords:
    values = MemoryCycleValues(trader)
    return MemoryRecords(MemoryAccountRecords(), MemoryPerformance(trader, values), values)


@pytest.fixture
def portfolio(
    world: MemoryWorld, trader: MemoryTrader, account: FakeAccount, clock: ManualClock, bus: InMemoryBus
) -> Portfolio:
    values = MemoryCycleValues(trader)
    return compose(
        settings=load_settings(symbols="BTCUSDC"),
        bus=bus,
        clock=clock,
        store=world.store,
        records=MemoryAccountRecords(),
        values=MemoryLastValues(clock),
        results=MemoryPerformance(trader, values),
        cycle_values=values,
        exchange=account,
        prices=LastPrices(
            MemoryLastValues(clock), no_closes, quote_asset="USDC", clock=clock, closes_at=no_closes_then
        ),
    )
