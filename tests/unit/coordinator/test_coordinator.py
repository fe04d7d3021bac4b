"""A coordinator in memory, composed as `main` composes it: consensus in, funded intents or reasoned refusals out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from coordinator.src.adapters.memory_decisions import MemoryDecisionStore
from coordinator.src.composition import CoordinatorService, compose
from core.risk.account import AccountView
from core.risk.entry_decisions import intent_id_of
from shared.memory.bus import InMemoryBus
from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import CONSENSUS, ORDER_INTENT
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import IntentKind, Side
from tests.unit.coordinator.fakes import FakeFunds, FakeRules
from tests.unit.core.risk.builders import CLOSE_MS, account, consensus, open_cycle


class FixedAccount:
    """An account that stands still."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    async def view(self, now: datetime, quotes: Collection[str]) -> AccountView:
        return account(now=now, **self.facts)


class World:
    """A coordinator with everything around it."""

    def __init__(self) -> None:
        self.clock = ManualClock(from_ms(CLOSE_MS + 1000))
        self.accepted: list[ConsensusSignal] = []
        self.store = MemoryDecisionStore(self.clock, self._all_accepted)
        self.account = FixedAccount()
        self.funds = FakeFunds()
        self.bus = InMemoryBus()
        self.intents: list[OrderIntent] = []
        self.bus.subscribe(ORDER_INTENT, self._hear, group="test")
        self.coordinator = self.start()

    def start(self) -> CoordinatorService:
        return compose(
            settings=load_settings(),
            bus=self.bus,
            clock=self.clock,
            store=self.store,
            accounts=self.account,
            funds=self.funds,
            rules=FakeRules(),
        )

    async def _all_accepted(self) -> list[ConsensusSignal]:
        return self.accepted

    async def _hear(self, intent: OrderIntent) -> None:
        self.intents.append(intent)

    async def bring(self, *signals: ConsensusSignal) -> None:
        """Let the bus bring consensus, and wait until everything is decided and heard."""
        self.accepted += signals
        await self.bus.publish_many(CONSENSUS, signals)
        await self.bus.idle()

    async def reasons(self) -> dict[str, str]:
        """Why symbols were refused."""
        return {row["symbol"]: row["reason"] for row in await self.store.latest(symbol=None, approved=False, limit=100)}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.coordinator.universe.refresh()
    running = asyncio.ensure_future(world.bus.run())
    yield world
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_consensus_becomes_a_funded_intent(world: World) -> None:
    await world.bring(consensus())
    (intent,) = world.intents
    assert intent.message_id == intent_id_of(consensus())
    assert intent.reserved == world.funds.leases[intent.message_id] <= 1000
    assert intent.quantity is not None
    assert intent.quantity * intent.reference_price < intent.reserved
    assert (intent.stop_loss, intent.take_profit) == (Decimal(49_000), Decimal(52_000))


async def test_a_consensus_is_decided_once_however_often_it_comes(world: World) -> None:
    await world.bring(consensus(), consensus())
    await world.bring(consensus())
    assert len(world.intents) == 1
    assert world.coordinator.handler.statistics()["received"] == 1


async def test_what_the_limits_forbid_is_refused_and_asks_for_no_funds(world: World) -> None:
    world.account.facts = {"pauses": {"all": "storm"}}
    await world.bring(consensus(), consensus(symbol="XMRUSDC"))
    assert world.funds.asked == []
    assert await world.reasons() == {
        "BTCUSDC": "trading is paused: storm",
        "XMRUSDC": "XMRUSDC is not among TRADING_SYMBOLS or those chosen since",
    }


async def test_exits_do_not_wait_for_the_portfolio_and_entries_are_found_again(world: World) -> None:
    world.account.facts = {"cycles": [open_cycle("ETHUSDC")]}
    world.funds.error = TransientError("portfolio: away")
    await world.bring(consensus(), consensus(Side.SELL, symbol="ETHUSDC"))
    assert [intent.kind for intent in world.intents] == [IntentKind.EXIT]
    assert world.coordinator.handler.waiting_for == "portfolio: away"
    world.funds.error = None
    await world.coordinator.handler.sweep(older_s=0)
    await world.bus.idle()
    assert [intent.kind for intent in world.intents] == [IntentKind.EXIT, IntentKind.ENTRY]
    assert world.coordinator.handler.waiting_for == ""


async def test_entries_of_a_moment_are_asked_for_at_once_and_again_behind_a_denial(world: World) -> None:
    signals = [consensus(symbol=symbol) for symbol in ("BTCUSDC", "ETHUSDC", "SOLUSDC")]
    ids = [intent_id_of(signal) for signal in signals]
    world.funds.denial = "pocket active has 3 USDC free, 1000 needed"
    world.funds.granted_anyway = {ids[0], ids[2]}
    await world.coordinator.handler.on_signals(signals)
    await world.bus.idle()
    assert world.funds.asked == [ids, [ids[2]]]
    assert [intent.symbol for intent in world.intents] == ["BTCUSDC", "SOLUSDC"]
    assert await world.reasons() == {"ETHUSDC": world.funds.denial}
