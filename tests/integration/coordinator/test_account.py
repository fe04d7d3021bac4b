"""The coordinator reads the account out of what trader and portfolio write, in memory as in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import pytest

from backtester.full_engine.readers import StoredAccount, StoredTrades
from coordinator.src.adapters.memory_decisions import MemoryDecisionStore
from coordinator.src.adapters.postgres_account import PostgresAccount
from coordinator.src.adapters.postgres_decisions import PostgresDecisionStore
from coordinator.src.decisions import Decision, decision_of
from coordinator.src.ports import AccountReader
from core.capital.pockets import Reservation
from core.positions.model import Cycle, Order, Purpose
from core.risk.exit_levels import Levels
from core.risk.fees import FeeModel
from core.risk.verdicts import Approved
from portfolio.src.adapters.memory_capital import MemoryCapital
from portfolio.src.ports import ChangedLease
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.signals import ConsensusSignal
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from shared.src.exchange.models import ExchangeOrder
from shared.src.sql import text
from tests.unit.core.risk.builders import POCKETS, consensus
from trader.src.adapters.memory_store import MemoryStore
from trader.src.adapters.postgres_store import PostgresStore
from trader.src.ports import Store

pytestmark = pytest.mark.integration


class Books(Protocol):
    """An account with the trader's store that it is read from, and what others write of it."""

    account: AccountReader
    trader: Store

    async def reserve(self, decision: Decision, amount: int) -> None:
        """An approved decision, with funds set aside for it."""
        ...

    async def trade_at(self, symbol: str, price: int) -> None: ...


class PostgresBooks:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.account: AccountReader = PostgresAccount(database, quote_asset="USDC")
        self.trader: Store = PostgresStore(database, clock, demo=True)

    async def reserve(self, decision: Decision, amount: int) -> None:
        await PostgresDecisionStore(self._database).insert([decision])
        await self._write(
            "INSERT INTO pocket_reservations (intent_id, pocket, asset, amount, status, expires_at)"
            " VALUES (:id, 'active', 'USDC', :amount, 'active', now() + interval '1 hour')",
            id=decision.intent_id,
            amount=amount,
        )

    async def trade_at(self, symbol: str, price: int) -> None:
        await self._write(
            "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume)"
            " VALUES (:at, :symbol, '1m', :price, :price, :price, :price, 1)",
            at=self._clock.now(),
            symbol=symbol,
            price=price,
        )

    async def _write(self, statement: str, **values: object) -> None:
        async with self._database.begin() as connection:
            await connection.execute(text(statement), values)


class MemoryBooks:
    """The stores of the platform in one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._prices: dict[str, Decimal] = {}
        self._decisions = MemoryDecisionStore(clock, self._none_accepted)
        store = MemoryStore(clock, self._decisions.approved)
        self._capital = MemoryCapital(StoredTrades(store), clock)
        self.trader: Store = store
        self.account: AccountReader = StoredAccount(store, self._capital, self._decisions, self, quote_asset="USDC")

    async def found(self) -> None:
        async with self._capital.change() as transaction:
            await transaction.save_pockets(POCKETS, self._clock.now())

    async def reserve(self, decision: Decision, amount: int) -> None:
        await self._decisions.insert([decision])
        lease = Reservation(decision.intent_id, "active", "USDC", Decimal(amount))
        async with self._capital.change() as transaction:
            await transaction.save_leases([ChangedLease(lease, begins=True)], ttl_s=3600)

    async def trade_at(self, symbol: str, price: int) -> None:
        self._prices[symbol] = Decimal(price)

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        return self._prices

    async def _none_accepted(self) -> list[ConsensusSignal]:
        return []


@pytest.fixture(params=["memory", "postgres"])
def books(request: pytest.FixtureRequest, clock: ManualClock) -> Books:
    if request.param == "memory":
        return MemoryBooks(clock)
    request.getfixturevalue("pockets")
    return PostgresBooks(request.getfixturevalue("database"), clock)


@pytest.fixture
async def account(books: Books) -> AccountReader:
    if isinstance(books, MemoryBooks):
        await books.found()
    return books.account


@pytest.fixture
def trader(books: Books) -> Store:
    return books.trader


def cycle(at: datetime, symbol: str = "BTCUSDC") -> Cycle:
    return Cycle(f"cy-{symbol}", f"int-{symbol}", symbol, "S", CycleStatus.INITIATING, at, reference_price=Decimal(100))


def entry(at: datetime, symbol: str = "BTCUSDC", *, price: str | None = None) -> Order:
    return Order(
        client_order_id=f"o-{symbol}",
        intent_id=f"int-{symbol}",
        cycle_id=f"cy-{symbol}",
        attempt=1,
        purpose=Purpose.ENTRY,
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.LIMIT if price else OrderType.MARKET,
        quantity=Decimal(3),
        created_at=at,
        price=Decimal(price) if price else None,
    )


def report(order: Order, *, executed: int, spent: int) -> ExchangeOrder:
    """The exchange says of an order that it is filled."""
    return ExchangeOrder(
        symbol=order.symbol,
        order_id=7,
        client_order_id=order.client_order_id,
        side=order.side,
        type=order.type,
        status=OrderStatus.FILLED,
        quantity=order.quantity,
        executed_quantity=Decimal(executed),
        executed_quote=Decimal(spent),
        price=order.price,
        stop_price=None,
        time_in_force="GTC",
        order_list_id=None,
        time_ms=0,
    )


async def test_capital_and_pockets_are_those_of_the_portfolio(account: AccountReader, clock: ManualClock) -> None:
    view = await account.view(clock.now(), ("USDC",))
    assert view.capital == 10_000
    assert dict(view.pockets) == {"active": 6000, "buffer": 3000, "safety": 1000}


async def test_an_entry_may_still_spend_what_rests_of_it(
    account: AccountReader, trader: Store, clock: ManualClock
) -> None:
    at = clock.now()
    await trader.open_cycle(cycle(at), entry(at, price="90"))
    await trader.open_cycle(cycle(at, "ETHUSDC"), entry(at, "ETHUSDC"))
    view = await account.view(at, ("USDC",))
    assert view.exposure("BTC") == 270
    assert view.exposure("ETH") == 300, "an order without a price is taken at that of its decision"


async def test_what_was_bought_and_what_ended_does_not_rest_any_more(
    account: AccountReader, trader: Store, clock: ManualClock
) -> None:
    at = clock.now()
    await trader.open_cycle(cycle(at), entry(at, price="90"))
    await trader.settle(replace(entry(at, price="90"), status=OrderStatus.REJECTED))
    bought = replace(cycle(at), status=CycleStatus.ACTIVE_BUY, quantity=Decimal(2), entry_price=Decimal(80))
    await trader.save_cycle(bought)
    (known,) = (await account.view(at, ("USDC",))).cycles
    assert known.cost == 160
    assert known.resting == 0


async def test_what_was_filled_counts_before_its_position_knows_of_it(
    account: AccountReader, trader: Store, clock: ManualClock
) -> None:
    at = clock.now()
    order = entry(at, price="90")
    await trader.open_cycle(cycle(at), order)
    await trader.book(report(order, executed=3, spent=261), [])
    (known,) = (await account.view(at, ("USDC",))).cycles
    assert known.cost == 261
    assert known.resting == 0


async def test_a_purchase_that_rests_from_elsewhere_counts_for_its_coin(
    account: AccountReader, trader: Store, clock: ManualClock
) -> None:
    order = replace(entry(clock.now(), price="90"), cycle_id=None, purpose=Purpose.EXTERNAL)
    await trader.add_orders([order])
    view = await account.view(clock.now(), ("USDC",))
    assert view.exposure("BTC") == 270
    assert view.cycles == ()


async def test_a_strategy_is_measured_on_all_that_it_has_at_stake(
    account: AccountReader, trader: Store, books: Books, clock: ManualClock
) -> None:
    at = clock.now()
    approved = Approved(Decimal(3), Decimal(505), "active", Levels(Decimal(90), Decimal(120)))
    await books.reserve(decision_of(consensus(strategy="S"), approved, now=at, trailing_delta_bips=None), 505)
    await trader.open_cycle(cycle(at, "ETHUSDC"), entry(at, "ETHUSDC", price="90"))
    assert (await account.view(at, ("USDC",))).exposure_of_strategy("S") == 775


async def test_an_approved_entry_counts_by_its_reservation_until_its_cycle_begins(
    account: AccountReader, trader: Store, books: Books, clock: ManualClock
) -> None:
    at = clock.now()
    approved = Approved(Decimal(3), Decimal(505), "active", Levels(Decimal(90), Decimal(120)))
    decision = decision_of(consensus(), approved, now=at, trailing_delta_bips=None)
    await books.reserve(decision, 505)
    assert (await account.view(at, ("USDC",))).exposure("BTC") == 505
    begun = replace(cycle(at), intent_id=decision.intent_id)
    await trader.open_cycle(begun, replace(entry(at), intent_id=decision.intent_id))
    view = await account.view(at, ("USDC",))
    assert view.pending == ()
    assert view.exposure("BTC") == 300


async def test_another_quote_asset_is_worth_its_last_candle(
    account: AccountReader, trader: Store, books: Books, clock: ManualClock
) -> None:
    at = clock.now()
    await trader.open_cycle(cycle(at, "ETHBTC"), entry(at, "ETHBTC", price="0.05"))
    assert (await account.view(at, ("USDC", "BTC"))).exposure("ETH") is None
    await books.trade_at("BTCUSDC", 50_000)
    view = await account.view(at, ("USDC", "BTC"))
    assert view.rates["BTC"] == 50_000
    assert view.exposure("ETH") == 7500


async def test_what_an_entry_in_several_orders_may_still_buy_counts_between_them(
    account: AccountReader, trader: Store, clock: ManualClock
) -> None:
    at = clock.now()
    working = replace(cycle(at), entering=True, reserved=Decimal(500))
    await trader.open_cycle(working, None)
    assert (await account.view(at, ("USDC",))).exposure("BTC") == 500
    await trader.save_cycle(replace(working, entering=False))
    assert (await account.view(at, ("USDC",))).exposure("BTC") == 0


async def test_what_trades_cost_the_account_is_known(account: AccountReader, trader: Store, clock: ManualClock) -> None:
    assert (await account.view(clock.now(), ("USDC",))).fees == {}
    for taker in ("0.001", "0.00075"):
        fees = FeeModel(Decimal(taker), Decimal("0.0005"))
        await trader.save_fees("BTCUSDC", fees, clock.now())
        assert (await account.view(clock.now(), ("USDC",))).fees == {"BTCUSDC": fees}
