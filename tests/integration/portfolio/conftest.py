"""A portfolio on a real database, with an account and a trader under the test's control."""

from __future__ import annotations

from decimal import Decimal

import pytest
from redis.asyncio import Redis

from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.ledger_store import LedgerStore
from portfolio.src.pockets import PocketManager
from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.redis_client import RedisBus
from tests.integration.portfolio.builders import FakeAccount, TraderRows


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount({"USDC": Decimal(1000), "BNB": Decimal(5)})


@pytest.fixture
def manager(
    account: FakeAccount, database: Database, redis: Redis, bus: RedisBus, clock: ManualClock
) -> BinanceAccountManager:
    return BinanceAccountManager(account, database, redis, bus, clock, quote_asset="USDC", symbols=("BTCUSDC",))


@pytest.fixture
async def founded(database: Database, settings: Settings, clock: ManualClock) -> PocketManager:
    """Empty pockets."""
    pockets = PocketManager(database, quote_asset="USDC")
    await pockets.found(settings.pocket_shares(), clock.now())
    return pockets


@pytest.fixture
async def books(founded: PocketManager, clock: ManualClock, manager: BinanceAccountManager) -> Bookkeeper:
    """Opened books on 1000 USDC and 5 BNB: 600 active, 300 buffer, 100 safety."""
    assert await manager.open_books()
    manager.state.opened = True
    clock.advance(10)
    return Bookkeeper(founded, LedgerStore(quote_asset="USDC"), clock, quote_asset="USDC", halted=manager.halted)


@pytest.fixture
def trader(database: Database, clock: ManualClock) -> TraderRows:
    clock.advance(1)
    return TraderRows(database, clock.now())
