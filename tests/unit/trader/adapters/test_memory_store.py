"""The trader's store in memory keeps to what its store in PostgreSQL keeps to, and shows itself to others."""

from __future__ import annotations

from datetime import datetime

import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.orders import OrderStatus, Side
from tests.behaviour.trader.store import StoreBehaviour, StoreWorld, report
from trader.src.adapters.memory_store import MemoryStore


class Decisions:
    """A coordinator's decisions, in memory."""

    def __init__(self) -> None:
        self._made: list[OrderIntent] = []

    async def approve(self, intent: OrderIntent) -> None:
        self._made.append(intent)

    async def since(self, moment: datetime) -> list[OrderIntent]:
        return [intent for intent in self._made if intent.occurred_at > moment]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock, Decisions().since)


@pytest.fixture
def world(clock: ManualClock) -> StoreWorld:
    decisions = Decisions()
    return StoreWorld(MemoryStore(clock, decisions.since), clock, decisions.approve)


class TestMemoryStore(StoreBehaviour):
    pass


async def test_others_read_the_orders_and_fills_of_an_intent(store: MemoryStore, clock: ManualClock) -> None:
    world = StoreWorld(store, clock, Decisions().approve)
    cycle, entry = await world.opened()
    sale = world.order("exit-1", cycle=cycle, side=Side.SELL)
    await store.add_orders([sale])
    for number, order in enumerate((entry, sale), start=1):
        await store.book(report(order, OrderStatus.FILLED, "2", number), [world.fill(order, number, "2")])
    await world.opened(2)
    assert [order.client_order_id for order in store.orders_of("in-1")] == ["entry-1", "exit-1"]
    assert [fill.trade_id for fill in store.fills_of("in-1")] == [1, 2]
    assert [event.trade_id for event in store.executions()] == [1, 2]
    assert [cycle.id for cycle in store.all_cycles()] == ["cy-1", "cy-2"]
    assert [order.client_order_id for order in store.all_orders()] == ["entry-1", "exit-1", "entry-2"]
