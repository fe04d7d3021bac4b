"""A portfolio composed as `main` composes it; a folder's ``conftest`` adds the ``world`` and what writes to it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.composition import Portfolio
from shared.memory.manual_clock import ManualClock
from tests.behaviour.portfolio.world import FakeAccount


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount({"USDC": Decimal(1000), "BNB": Decimal(5)})


@pytest.fixture
def manager(portfolio: Portfolio) -> BinanceAccountManager:
    return portfolio.account


@pytest.fixture
async def books(portfolio: Portfolio, clock: ManualClock) -> Bookkeeper:
    """Opened books on 1000 USDC and 5 BNB: 600 active, 300 buffer, 100 safety."""
    portfolio.account.state.opened = await portfolio.account.open_books()
    assert portfolio.account.state.opened
    clock.advance(10)
    return portfolio.books
