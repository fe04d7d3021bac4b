"""The books follow the account: opened on it, compared with it, never quietly bent to it."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from core.capital.differences import Standing
from core.capital.pockets import ReservationRefused
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.exchange_account import Trade
from portfolio.src.ledger_store import LedgerStore
from portfolio.src.pockets import PocketManager
from shared.memory.manual_clock import ManualClock
from shared.src.database import Database
from shared.src.domain.errors import RejectedError, TransientError
from tests.integration.portfolio.builders import FakeAccount, TraderRows, wanted

pytestmark = pytest.mark.integration


async def look(manager: BinanceAccountManager, clock: ManualClock, times: int = 6) -> Standing:
    for _ in range(times):
        clock.advance(3)
        await manager.refresh()
    return manager.state.standing


async def kinds(database: Database) -> list[str]:
    async with database.begin() as connection:
        rows = await connection.execute(text("SELECT kind FROM ledger_postings WHERE kind <> 'opening' ORDER BY 1"))
        return [row.kind for row in rows]


async def test_the_books_are_opened_once(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, clock: ManualClock
) -> None:
    account.move("USDC", 5)
    assert await manager.open_books()
    await manager.refresh()
    assert manager.state.gaps == {"USDC": 5}


async def test_the_books_are_not_opened_while_an_order_may_be_filled(
    manager: BinanceAccountManager, trader: TraderRows
) -> None:
    await trader.order("int-1", "UNKNOWN")
    assert not await manager.open_books()


async def test_nothing_is_reserved_before_the_books_are_open(
    founded: PocketManager, manager: BinanceAccountManager, clock: ManualClock
) -> None:
    books = Bookkeeper(founded, LedgerStore(quote_asset="USDC"), clock, quote_asset="USDC", halted=manager.halted)
    with pytest.raises(TransientError, match="not open yet"):
        await books.reserve([wanted("int-1", Decimal(1))], ttl_s=60)


async def test_fills_booked_before_the_opening_are_part_of_it(
    founded: PocketManager, manager: BinanceAccountManager, account: FakeAccount, trader: TraderRows
) -> None:
    await trader.entry("int-1", 1, fee="0")
    account.held = {"USDC": Decimal(900), "BTC": Decimal(1)}
    assert await manager.open_books()
    await manager.refresh()
    assert manager.state.standing is Standing.EQUAL


async def test_balances_are_written_and_announced(
    books: Bookkeeper, manager: BinanceAccountManager, database: Database, redis: Redis, clock: ManualClock
) -> None:
    await manager.refresh()
    assert await redis.get("account:total_balance") == b"1000"
    raw = await redis.get("account:balances")
    assert raw is not None
    shown = orjson.loads(raw)
    assert {row["asset"]: row["value_usdc"] for row in shown} == {"USDC": "1000", "BNB": None}
    async with database.begin() as connection:
        rows = (await connection.execute(text("SELECT asset, free FROM wallets ORDER BY asset"))).all()
    assert [(row.asset, row.free) for row in rows] == [("BNB", 5), ("USDC", 1000)]


async def test_a_deposit_is_booked_as_one_after_it_stood_a_while(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, database: Database, clock: ManualClock
) -> None:
    account.move("USDC", 500)
    assert await look(manager, clock, 2) is Standing.SETTLING
    assert await kinds(database) == []
    await look(manager, clock)
    assert await kinds(database) == ["deposit"]
    assert await look(manager, clock, 1) is Standing.EQUAL
    assert (await books.settle())["active"].total == 900


async def test_a_withdrawal_is_booked_as_one(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, database: Database, clock: ManualClock
) -> None:
    account.move("BNB", "-5")
    await look(manager, clock)
    assert await kinds(database) == ["withdrawal"]


async def test_a_trade_the_books_lack_is_never_called_a_deposit(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, database: Database, clock: ManualClock
) -> None:
    account.move("BTC", 1)
    account.listed["BTCUSDC"] = {77: Trade(Decimal(1), Decimal(100), Decimal(0), "BNB")}
    await look(manager, clock)
    assert await kinds(database) == []
    assert manager.state.explained == "trade 77 of BTCUSDC is not booked"
    with pytest.raises(TransientError, match=r"BTC \+1"):
        await manager.probe()
    (refused,) = await books.reserve([wanted("int-1", Decimal(1))], ttl_s=60)
    assert refused == ReservationRefused("the books differ from the exchange: BTC +1")


async def test_a_trade_on_its_way_in_other_assets_does_not_hide_a_deposit(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, database: Database, clock: ManualClock
) -> None:
    account.move("EUR", 50)
    account.listed["BTCUSDC"] = {77: Trade(Decimal(1), Decimal(100), Decimal("0.001"), "BTC")}
    await look(manager, clock)
    assert await kinds(database) == ["deposit"]


async def test_a_fee_that_was_booked_wrongly_is_never_called_a_withdrawal(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, clock: ManualClock, trader: TraderRows
) -> None:
    await books.on_executions([await trader.entry("int-1", 1, fee="0.1")])
    account.held = {"USDC": Decimal(900), "BTC": Decimal(1), "BNB": Decimal("4.8")}
    account.listed["BTCUSDC"] = {1: Trade(Decimal(1), Decimal(100), Decimal("0.2"), "BNB")}
    await look(manager, clock)
    assert manager.state.explained == "trade 1 of BTCUSDC is booked differently"


async def test_gaps_in_both_directions_stay_a_difference(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, database: Database, clock: ManualClock
) -> None:
    account.move("BTC", 1)
    account.move("USDC", -100)
    await look(manager, clock)
    assert await kinds(database) == []
    assert manager.state.unexplained == {"BTC": 1, "USDC": -100}


async def test_a_difference_is_written_off_only_by_hand_and_stays_visible(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, database: Database, clock: ManualClock
) -> None:
    account.keeps_trades = False
    account.move("BNB", "0.25")
    with pytest.raises(RejectedError, match="no difference"):
        await manager.accept_difference("BNB", "airdrop")
    await look(manager, clock)
    assert await kinds(database) == []
    assert await manager.accept_difference("BNB", "airdrop") == Decimal("0.25")
    assert await look(manager, clock, 1) is Standing.EQUAL
    async with database.begin() as connection:
        left = await connection.execute(text("SELECT amount FROM ledger_balances WHERE account = 'difference'"))
        assert left.scalar_one() == Decimal("-0.25")


async def test_a_fill_on_its_way_is_not_a_difference(
    books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, clock: ManualClock, trader: TraderRows
) -> None:
    account.move("BTC", 1)
    account.move("USDC", -100)
    assert await look(manager, clock, 2) is Standing.SETTLING
    await books.on_executions([await trader.entry("int-1", 1, fee="0")])
    assert await look(manager, clock, 1) is Standing.EQUAL
