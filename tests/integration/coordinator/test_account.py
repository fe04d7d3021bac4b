"""The coordinator reads the account out of what the trader and the portfolio really write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from coordinator.src.adapters.postgres_account import PostgresAccount
from coordinator.src.adapters.postgres_decisions import PostgresDecisionStore
from coordinator.src.decisions import decision_of
from core.positions.model import Cycle, Order, Purpose
from core.risk.exit_levels import Levels
from core.risk.verdicts import Approved
from shared.memory.manual_clock import ManualClock
from shared.src.database import Database
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from tests.unit.core.risk.builders import consensus
from trader.src.adapters.postgres_store import PostgresStore

pytestmark = pytest.mark.integration


@pytest.fixture
def account(pockets: None, database: Database) -> PostgresAccount:
    return PostgresAccount(database, quote_asset="USDC")


@pytest.fixture
def trader(database: Database, clock: ManualClock) -> PostgresStore:
    return PostgresStore(database, clock, demo=True)


def cycle(at: datetime, symbol: str = "BTCUSDC") -> Cycle:
    return Cycle(f"cy-{symbol}", f"int-{symbol}", symbol, "S", CycleStatus.INITIATING, at, reference_price=Decimal(100))


def entry(at: datetime, symbol: str = "BTCUSDC", *, price: str | None = None) -> Order:
    return Order(
        client_order_id=f"o-{symbol}", intent_id=f"int-{symbol}", cycle_id=f"cy-{symbol}", attempt=1,
        purpose=Purpose.ENTRY, symbol=symbol, side=Side.BUY, type=OrderType.LIMIT if price else OrderType.MARKET,
        quantity=Decimal(3), created_at=at, price=Decimal(price) if price else None,
    )  # fmt: skip


async def test_capital_and_pockets_are_those_of_the_portfolio(account: PostgresAccount, clock: ManualClock) -> None:
    view = await account.view(clock.now(), ("USDC",))
    assert view.capital == 10_000
    assert dict(view.pockets) == {"active": 6000, "buffer": 3000, "safety": 1000}


async def test_an_entry_may_still_spend_what_rests_of_it(
    account: PostgresAccount, trader: PostgresStore, clock: ManualClock
) -> None:
    at = clock.now()
    await trader.open_cycle(cycle(at), entry(at, price="90"))
    await trader.open_cycle(cycle(at, "ETHUSDC"), entry(at, "ETHUSDC"))
    view = await account.view(at, ("USDC",))
    assert view.exposure("BTC") == 270
    assert view.exposure("ETH") == 300, "an order without a price is taken at that of its decision"


async def test_what_was_bought_and_what_ended_does_not_rest_any_more(
    account: PostgresAccount, trader: PostgresStore, clock: ManualClock
) -> None:
    at = clock.now()
    await trader.open_cycle(cycle(at), entry(at, price="90"))
    await trader.settle(replace(entry(at, price="90"), status=OrderStatus.REJECTED))
    bought = replace(cycle(at), status=CycleStatus.ACTIVE_BUY, quantity=Decimal(2), entry_price=Decimal(80))
    await trader.save_cycle(bought)
    (known,) = (await account.view(at, ("USDC",))).cycles
    assert known.cost == 160
    assert known.resting == 0


async def test_an_approved_entry_counts_by_its_reservation_until_its_cycle_begins(
    account: PostgresAccount, trader: PostgresStore, database: Database, clock: ManualClock
) -> None:
    at = clock.now()
    approved = Approved(Decimal(3), Decimal(505), "active", Levels(Decimal(90), Decimal(120)))
    decision = decision_of(consensus(), approved, now=at, trailing_delta_bips=None)
    await PostgresDecisionStore(database).insert([decision])
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO pocket_reservations (intent_id, pocket, asset, amount, status, expires_at)"
                " VALUES (:id, 'active', 'USDC', 505, 'active', now() + interval '1 hour')"
            ),
            {"id": decision.intent_id},
        )
    assert (await account.view(at, ("USDC",))).exposure("BTC") == 505
    begun = replace(cycle(at), intent_id=decision.intent_id)
    await trader.open_cycle(begun, replace(entry(at), intent_id=decision.intent_id))
    view = await account.view(at, ("USDC",))
    assert view.pending == ()
    assert view.exposure("BTC") == 300


async def test_another_quote_asset_is_worth_its_last_candle(
    account: PostgresAccount, trader: PostgresStore, database: Database, clock: ManualClock
) -> None:
    at = clock.now()
    await trader.open_cycle(cycle(at, "ETHBTC"), entry(at, "ETHBTC", price="0.05"))
    assert (await account.view(at, ("USDC", "BTC"))).exposure("ETH") is None
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume)"
                " VALUES (:at, 'BTCUSDC', '1m', 50000, 50000, 50000, 50000, 1)"
            ),
            {"at": at},
        )
    view = await account.view(at, ("USDC", "BTC"))
    assert view.rates["BTC"] == 50_000
    assert view.exposure("ETH") == 7500
