"""The portfolio as `main` composes it, on a bus and stores in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.composition import Portfolio
from shared.memory.bus import InMemoryBus
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.topics import BALANCE_UPDATED, EXECUTION
from tests.behaviour.portfolio.memory_trader import MemoryTrader
from tests.behaviour.portfolio.world import World


@pytest.fixture
async def running(portfolio: Portfolio, books: Bookkeeper) -> AsyncIterator[None]:
    """Messages are handled; sweeps and looks are the tests' own."""
    task = asyncio.ensure_future(portfolio.tasks()["messages"]())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_booked(world: World, asset: str) -> None:
    """A handler takes a few turns of the event loop."""
    for _ in range(100):
        if asset in await world.exchange_balances():
            return
        await asyncio.sleep(0)


async def test_a_fill_that_is_told_is_booked_and_wakes_the_look_at_the_account(
    running: None, portfolio: Portfolio, world: World, bus: InMemoryBus, trader: MemoryTrader
) -> None:
    await bus.publish(EXECUTION, await trader.entry("int-1", 1, fee="0"))
    await until_booked(world, "BTC")
    assert await world.exchange_balances() == {"USDC": 900, "BNB": 5, "BTC": 1}


async def test_balances_are_told_when_they_change(
    portfolio: Portfolio, books: Bookkeeper, bus: InMemoryBus, clock: ManualClock
) -> None:
    notices = bus.listen(BALANCE_UPDATED.name)
    first = asyncio.ensure_future(anext(notices))
    await asyncio.sleep(0)
    await portfolio.account.refresh()
    channel, raw = await asyncio.wait_for(first, 5)
    told = BALANCE_UPDATED.decode(raw)
    assert (channel, told.asset) == (BALANCE_UPDATED.name, "USDC")
    assert told.free == 1000


def test_its_tasks_have_names(portfolio: Portfolio) -> None:
    assert set(portfolio.tasks()) == {"messages", "sweep", "account", "performance"}
