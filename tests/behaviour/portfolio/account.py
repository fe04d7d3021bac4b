"""The books follow the account: opened on it, compared with it, never quietly bent to it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.capital.differences import Standing, Trade
from core.capital.flows import RecordedFlow
from core.capital.ledger import Flow, LedgerAccount, PostingKind
from core.capital.pockets import ReservationRefused
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.composition import Portfolio
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import RejectedError, TransientError
from tests.behaviour.portfolio.world import FakeAccount, TraderWriter, World, wanted


async def look(manager: BinanceAccountManager, clock: ManualClock, times: int = 6) -> Standing:
    for _ in range(times):
        clock.advance(3)
        await manager.refresh()
    return manager.state.standing


def recorded(number: str, kind: PostingKind, clock: ManualClock, **moves: str) -> RecordedFlow:
    amounts = {asset: Decimal(amount) for asset, amount in moves.items()}
    return RecordedFlow(number, Flow(kind, amounts), clock.now())


class AccountBehaviour:
    """On every store: the books are opened on the account, compared with it, never quietly bent to it."""

    async def test_the_books_are_opened_once(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, clock: ManualClock
    ) -> None:
        account.move("USDC", 5)
        assert await manager.open_books()
        await manager.refresh()
        assert manager.state.gaps == {"USDC": 5}

    async def test_the_books_are_not_opened_while_an_order_may_be_filled(
        self, manager: BinanceAccountManager, trader: TraderWriter
    ) -> None:
        await trader.order("int-1", "UNKNOWN")
        assert not await manager.open_books()

    async def test_nothing_is_reserved_before_the_books_are_open(self, portfolio: Portfolio) -> None:
        with pytest.raises(TransientError, match="not open yet"):
            await portfolio.books.reserve([wanted("int-1", Decimal(1))], ttl_s=60)

    async def test_fills_booked_before_the_opening_are_part_of_it(
        self, manager: BinanceAccountManager, account: FakeAccount, trader: TraderWriter
    ) -> None:
        await trader.entry("int-1", 1, fee="0")
        account.held = {"USDC": Decimal(900), "BTC": Decimal(1)}
        assert await manager.open_books()
        await manager.refresh()
        assert manager.state.standing is Standing.EQUAL

    async def test_a_deposit_is_booked_as_one_after_it_stood_a_while(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.move("USDC", 500)
        assert await look(manager, clock, 2) is Standing.SETTLING
        assert await world.kinds() == []
        await look(manager, clock)
        assert await world.kinds() == ["deposit"]
        assert await look(manager, clock, 1) is Standing.EQUAL
        assert (await books.settle())["active"].total == 900

    async def test_a_withdrawal_is_booked_as_one(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.move("BNB", "-5")
        await look(manager, clock)
        assert await world.kinds() == ["withdrawal"]

    async def test_a_trade_the_books_lack_is_never_called_a_deposit(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.move("BTC", 1)
        account.listed["BTCUSDC"] = {77: Trade(Decimal(1), Decimal(100), Decimal(0), "BNB")}
        await look(manager, clock)
        assert await world.kinds() == []
        assert manager.state.explained == "trade 77 of BTCUSDC is not booked"
        with pytest.raises(TransientError, match=r"BTC \+1"):
            await manager.probe()
        (refused,) = await books.reserve([wanted("int-1", Decimal(1))], ttl_s=60)
        assert refused == ReservationRefused("the books differ from the exchange: BTC +1")

    async def test_a_trade_on_its_way_in_other_assets_does_not_hide_a_deposit(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.move("EUR", 50)
        account.listed["BTCUSDC"] = {77: Trade(Decimal(1), Decimal(100), Decimal("0.001"), "BTC")}
        await look(manager, clock)
        assert await world.kinds() == ["deposit"]

    async def test_a_fee_that_was_booked_wrongly_is_never_called_a_withdrawal(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        clock: ManualClock,
        trader: TraderWriter,
    ) -> None:
        await books.on_executions([await trader.entry("int-1", 1, fee="0.1")])
        account.held = {"USDC": Decimal(900), "BTC": Decimal(1), "BNB": Decimal("4.8")}
        account.listed["BTCUSDC"] = {1: Trade(Decimal(1), Decimal(100), Decimal("0.2"), "BNB")}
        await look(manager, clock)
        assert manager.state.explained == "trade 1 of BTCUSDC is booked differently"

    @pytest.mark.parametrize(
        ("moves", "kinds", "outside"),
        [
            ({"BTC": "0.01", "USDC": "-500"}, ["convert"], LedgerAccount.CONVERT),
            ({"USDC": "-400", "LDUSDC": "400"}, ["earn"], LedgerAccount.EARN),
            ({"LDUSDC": "0.02"}, ["reward"], LedgerAccount.REWARDS),
            ({"NEWCOIN": "25"}, ["deposit"], LedgerAccount.CAPITAL),
            ({"USDC": "-250"}, ["withdrawal"], LedgerAccount.CAPITAL),
        ],
    )
    async def test_what_moved_without_a_trade_is_booked_by_its_name_and_halts_nothing(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        world: World,
        clock: ManualClock,
        moves: dict[str, str],
        kinds: list[str],
        outside: LedgerAccount,
    ) -> None:
        before = await world.balances(outside)
        for asset, amount in moves.items():
            account.move(asset, amount)
        await look(manager, clock)
        assert await look(manager, clock, 1) is Standing.EQUAL
        assert await world.kinds() == kinds
        after = await world.balances(outside)
        moved = {asset: before.get(asset, Decimal(0)) - after.get(asset, Decimal(0)) for asset in moves}
        assert moved == {asset: Decimal(amount) for asset, amount in moves.items()}
        assert manager.halted() is None

    async def test_what_the_histories_have_gets_their_name_and_the_rest_one_by_the_balances(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.recorded = [
            recorded("deposit-1", PostingKind.DEPOSIT, clock, BTC="0.5"),
            recorded("withdrawal-1", PostingKind.WITHDRAWAL, clock, USDC="-300"),
            recorded("dividend-1", PostingKind.REWARD, clock, NEWCOIN="25"),
            recorded("deposit-2", PostingKind.DEPOSIT, clock, EUR="9"),
        ]
        for asset, amount in {"BTC": "0.5", "USDC": "-340", "NEWCOIN": "25"}.items():
            account.move(asset, amount)
        await look(manager, clock)
        assert await look(manager, clock, 1) is Standing.EQUAL
        assert await world.kinds() == ["deposit", "reward", "withdrawal", "withdrawal"]
        account.move("USDC", -300)
        await look(manager, clock)
        assert await world.kinds() == ["deposit", "reward", "withdrawal", "withdrawal", "withdrawal"]
        assert await world.balances(LedgerAccount.REWARDS) == {"NEWCOIN": Decimal(-25)}

    async def test_where_histories_cannot_be_read_the_balances_tell_and_health_says_so(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.doubt = "capital/deposit/hisrec: -2015 Invalid API-key, IP, or permissions for action."
        account.move("USDC", 500)
        await look(manager, clock)
        await look(manager, clock, 1)
        assert await world.kinds() == ["deposit"]
        assert "-2015" in await manager.probe()

    async def test_a_trade_whose_difference_was_accepted_explains_no_later_one(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        world: World,
        clock: ManualClock,
        trader: TraderWriter,
    ) -> None:
        await books.on_executions([await trader.entry("int-1", 1, fee="0.1")])
        account.held = {"USDC": Decimal(900), "BTC": Decimal(1), "BNB": Decimal("4.8")}
        account.listed["BTCUSDC"] = {1: Trade(Decimal(1), Decimal(100), Decimal("0.2"), "BNB")}
        account.times[1] = clock.now()
        await look(manager, clock)
        assert manager.state.unexplained == {"BNB": Decimal("-0.1")}
        await manager.accept_difference("BNB", "the fee was booked wrongly")
        account.move("BNB", 1)
        await look(manager, clock)
        assert await world.kinds() == ["adjustment", "deposit", "fill"]
        assert manager.halted() is None

    async def test_a_trade_from_before_its_symbol_was_followed_is_a_flow(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        world: World,
        clock: ManualClock,
        trader: TraderWriter,
    ) -> None:
        await trader.follow("BTCUSDC", 77)
        account.listed["BTCUSDC"] = {77: Trade(Decimal(1), Decimal(100), Decimal(0), "BNB")}
        account.move("BTC", 1)
        account.move("USDC", -100)
        await look(manager, clock)
        account.move("USDC", 500)
        await look(manager, clock)
        assert await world.kinds() == ["convert", "deposit"]
        assert manager.halted() is None

    async def test_dust_turned_into_bnb_is_no_result(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.held |= {"ADA": Decimal("3.1"), "DOGE": Decimal(8)}
        await look(manager, clock)
        account.held |= {"ADA": Decimal(0), "DOGE": Decimal(0), "BNB": Decimal("5.004")}
        await look(manager, clock)
        assert await world.kinds() == ["deposit", "deposit", "dust"]
        assert await world.balances(LedgerAccount.DUST) == {
            "ADA": Decimal("3.1"),
            "DOGE": Decimal(8),
            "BNB": Decimal("-0.004"),
        }

    async def test_a_conversion_is_not_booked_while_a_trade_in_these_assets_is_missing(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.move("BTC", 1)
        account.move("USDC", -100)
        account.listed["BTCUSDC"] = {77: Trade(Decimal(1), Decimal(100), Decimal(0), "BNB")}
        await look(manager, clock)
        assert await world.kinds() == []
        assert manager.state.unexplained == {"BTC": 1, "USDC": -100}
        assert "differ from the exchange" in (manager.halted() or "")

    async def test_a_write_off_does_not_book_again_what_a_fill_booked_meanwhile(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        world: World,
        clock: ManualClock,
        trader: TraderWriter,
    ) -> None:
        account.move("BTC", 1)
        account.move("USDC", -100)
        account.listed["BTCUSDC"] = {1: Trade(Decimal(1), Decimal(100), Decimal(0), "")}
        await look(manager, clock)
        await books.on_executions([await trader.entry("int-1", 1, fee="0")])
        with pytest.raises(RejectedError, match="moved since it was found"):
            await manager.accept_difference("BTC", "nobody knows")
        assert await world.kinds() == ["fill"]
        assert await look(manager, clock, 1) is Standing.EQUAL

    async def test_a_write_off_measures_the_account_as_it_is_now(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.keeps_trades = False
        account.move("BNB", "0.25")
        await look(manager, clock)
        account.move("BNB", "0.5")
        with pytest.raises(RejectedError, match="moved since it was found"):
            await manager.accept_difference("BNB", "airdrop")
        assert await world.kinds() == []

    async def test_a_deposit_beside_a_fill_without_a_fee_is_a_deposit(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        world: World,
        clock: ManualClock,
        trader: TraderWriter,
    ) -> None:
        await books.on_executions([await trader.entry("int-1", 1, fee="0", fee_asset="")])
        account.held = {"USDC": Decimal(1400), "BTC": Decimal(1), "BNB": Decimal(5)}
        account.listed["BTCUSDC"] = {1: Trade(Decimal(1), Decimal(100), Decimal(0), "USDC")}
        await look(manager, clock)
        assert await world.kinds() == ["deposit", "fill"]

    async def test_a_difference_is_written_off_only_by_hand_and_stays_visible(
        self, books: Bookkeeper, manager: BinanceAccountManager, account: FakeAccount, world: World, clock: ManualClock
    ) -> None:
        account.keeps_trades = False
        account.move("BNB", "0.25")
        with pytest.raises(RejectedError, match="no difference"):
            await manager.accept_difference("BNB", "airdrop")
        await look(manager, clock)
        assert await world.kinds() == []
        assert await manager.accept_difference("BNB", "airdrop") == Decimal("0.25")
        assert await look(manager, clock, 1) is Standing.EQUAL
        assert await world.balances(LedgerAccount.DIFFERENCE) == {"BNB": Decimal("-0.25")}

    async def test_a_fill_on_its_way_is_not_a_difference(
        self,
        books: Bookkeeper,
        manager: BinanceAccountManager,
        account: FakeAccount,
        clock: ManualClock,
        trader: TraderWriter,
    ) -> None:
        account.move("BTC", 1)
        account.move("USDC", -100)
        assert await look(manager, clock, 2) is Standing.SETTLING
        await books.on_executions([await trader.entry("int-1", 1, fee="0")])
        assert await look(manager, clock, 1) is Standing.EQUAL
