"""Fills become postings once; leases follow the database, whatever messages do."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

import pytest

from core.capital.pockets import PocketNotFoundError, ReservationRefused, Reserved
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.composition import Portfolio
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import OrderFailed
from shared.src.contracts.portfolio import CycleUpdated
from shared.src.domain.errors import ContractError, TransientError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus, Side
from tests.behaviour.portfolio.world import TraderWriter, World, fill_event, wanted


async def reserve(books: Bookkeeper, intent_id: str, amount: int = 200) -> Reserved | ReservationRefused:
    """As the coordinator does: whoever waited too long for a connection or a lock asks again."""
    while True:
        with contextlib.suppress(TransientError):
            (answer,) = await books.reserve([wanted(intent_id, Decimal(amount))], ttl_s=3600)
            return answer


def cycle_message(intent_id: str, status: CycleStatus) -> CycleUpdated:
    return CycleUpdated(
        message_id=f"{intent_id}-{status}",
        occurred_at=ManualClock().now(),
        cycle_id=f"cy-{intent_id}",
        intent_id=intent_id,
        symbol="BTCUSDC",
        strategy="test",
        side=Side.BUY,
        status=status,
        quantity=Decimal(1),
    )


def failure(intent_id: str) -> OrderFailed:
    return OrderFailed(
        message_id=f"{intent_id}-failed",
        occurred_at=ManualClock().now(),
        intent_id=intent_id,
        symbol="BTCUSDC",
        side=Side.BUY,
        reason="-2010 insufficient balance",
        code=-2010,
    )


class BookkeepingBehaviour:
    """On every store: fills become postings once; leases follow what was written, whatever messages do."""

    async def test_the_opening_splits_the_capital(self, books: Bookkeeper, world: World) -> None:
        assert await world.exchange_balances() == {"USDC": 1000, "BNB": 5}
        assert await world.pocket() == {"total": 600, "reserved": 0, "used": 0}

    async def test_a_fill_moves_funds_from_reserved_to_used_and_leaves_the_capital_as_it_is(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await books.on_executions([await trader.entry("int-1", 1)])
        assert await world.exchange_balances() == {"USDC": 900, "BNB": Decimal("4.9"), "BTC": 1}
        assert await world.lease("int-1") == ("committed", Decimal(100))
        assert await world.pocket() == {"total": 600, "reserved": 0, "used": 100}

    async def test_a_fill_paid_in_another_quote_asset_leaves_the_capital_as_it_is(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        assert isinstance((await books.reserve([wanted("int-1", Decimal(150))], ttl_s=60))[0], Reserved)
        await books.on_executions([await trader.entry("int-1", 1, symbol="BTCUSDT", fee="0")])
        pockets = await books.settle()
        assert sum(pocket.total for pocket in pockets.values()) == 1000
        assert pockets["active"].reserved == pockets["active"].used == 0
        assert await world.lease("int-1") == ("committed", ZERO)

    async def test_the_asset_of_valuation_bought_as_a_coin_is_a_position_and_no_capital(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await books.reserve([wanted("int-1", Decimal(150))], ttl_s=60)
        bought = {"symbol": "USDCTRY", "quantity": "100", "price": "40", "fee": "0"}
        await books.on_executions([await trader.entry("int-1", 1, **bought)])
        assert (await world.exchange_balances())["USDC"] == 1100
        assert sum(pocket.total for pocket in (await books.settle()).values()) == 1000
        await trader.order("int-1", "FILLED", side="SELL", purpose="exit", cycle_id="cy-int-1")
        sold = await trader.fill("int-1", 2, **bought | {"price": "41"}, side=Side.SELL, purpose="exit")
        await trader.cycle("int-1", "completed", profit="100")
        await books.on_executions([sold])
        assert sum(pocket.total for pocket in (await books.settle()).values()) == 1000

    async def test_a_partial_fill_keeps_the_rest_reserved(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await books.on_executions([await trader.entry("int-1", 1, status="PARTIALLY_FILLED")])
        assert await world.lease("int-1") == ("active", Decimal(100))
        assert await world.pocket() == {"total": 600, "reserved": 100, "used": 100}

    async def test_the_same_fill_is_booked_once(self, books: Bookkeeper, world: World, trader: TraderWriter) -> None:
        event = await trader.entry("int-1", 1)
        await asyncio.gather(*(books.on_executions([event]) for _ in range(8)), books.sweep())
        assert await world.exchange_balances() == {"USDC": 900, "BNB": Decimal("4.9"), "BTC": 1}

    async def test_fills_without_a_message_are_found_in_the_database(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await trader.entry("int-1", 1)
        await trader.fill("int-1", 2, quantity="0.5")
        assert await books.sweep() == 2
        assert await books.sweep() == 0
        assert await world.lease("int-1") == ("committed", Decimal(150))

    async def test_a_whole_cycle_returns_cost_and_profit_to_the_capital(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await books.on_executions([await trader.entry("int-1", 1)])
        await trader.order("int-1", "FILLED", side="SELL", purpose="take_profit", cycle_id="cy-int-1")
        sale = await trader.fill("int-1", 2, side=Side.SELL, purpose="take_profit", price="110", fee="0")
        await books.on_executions([sale])
        assert await world.pocket() == {"total": 606, "reserved": 0, "used": 0}
        await trader.cycle("int-1", "completed", profit="10")
        await books.on_cycles_updated([cycle_message("int-1", CycleStatus.COMPLETED)])
        assert (await world.lease("int-1"))[0] == "released"
        assert await world.exchange_balances() == {"USDC": 1010, "BNB": Decimal("4.9")}

    async def test_a_failed_order_gives_its_funds_back(self, books: Bookkeeper, world: World) -> None:
        await reserve(books, "int-1")
        await books.on_order_failed(failure("int-1"))
        assert (await world.lease("int-1"))[0] == "released"
        assert (await world.pocket())["reserved"] == 0

    async def test_a_failure_message_does_not_release_while_an_order_may_still_fill(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await trader.order("int-1", "UNKNOWN", cycle_id=await trader.cycle("int-1", "waiting_buy"))
        await books.on_order_failed(failure("int-1"))
        assert (await world.lease("int-1"))[0] == "active"

    async def test_a_lost_cycle_message_is_made_up_for_by_the_sweep(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await trader.cycle("int-1", "canceled")
        await books.sweep()
        assert (await world.lease("int-1"))[0] == "released"

    async def test_an_unused_lease_expires_and_an_order_that_may_fill_keeps_it(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await reserve(books, "int-2")
        await trader.order("int-2", "UNKNOWN", cycle_id=await trader.cycle("int-2", "waiting_buy"))
        await world.age_leases()
        await books.sweep()
        assert (await world.lease("int-1"))[0] == "expired"
        assert (await world.lease("int-2"))[0] == "active"

    async def test_an_expired_lease_can_be_taken_again_and_lives_as_long_as_a_new_one(
        self, books: Bookkeeper, world: World
    ) -> None:
        await reserve(books, "int-1")
        await world.age_leases()
        await books.sweep()
        assert isinstance(await reserve(books, "int-1"), Reserved)
        await books.sweep()
        assert (await world.lease("int-1"))[0] == "active"

    async def test_a_fill_after_expiry_is_booked_as_used(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await reserve(books, "int-1")
        await world.age_leases()
        await books.sweep()
        await books.on_executions([await trader.entry("int-1", 1)])
        assert await world.lease("int-1") == ("committed", Decimal(100))
        assert (await world.pocket())["used"] == 100

    async def test_fifty_concurrent_reservations_never_oversubscribe(self, books: Bookkeeper, world: World) -> None:
        answers = await asyncio.gather(*(reserve(books, f"int-{number}", 50) for number in range(50)))
        granted = [answer for answer in answers if isinstance(answer, Reserved)]
        assert len(granted) == 12  # 600 / 50
        assert await world.pocket() == {"total": 600, "reserved": 600, "used": 0}

    async def test_concurrent_requests_for_one_intent_make_one_lease(self, books: Bookkeeper, world: World) -> None:
        answers = await asyncio.gather(*(reserve(books, "int-1", 100) for _ in range(20)))
        assert all(isinstance(answer, Reserved) for answer in answers)
        assert (await world.pocket())["reserved"] == 100

    async def test_reservations_fills_and_releases_at_once_end_in_sane_pockets(
        self, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        events = [await trader.entry(f"int-{number}", number, fee="0") for number in range(5)]
        await asyncio.gather(
            *(reserve(books, f"int-{number}", 100) for number in range(10)),
            *(books.on_executions([event]) for event in events),
            *(books.on_order_failed(failure(f"int-{number}")) for number in range(5, 10)),
            books.settle(),
        )
        pockets = await books.settle()
        assert sum(each.total for each in pockets.values()) == Decimal(500) + sum(
            each.used for each in pockets.values()
        )
        assert all(each.reserved >= 0 and each.used >= 0 for each in pockets.values())
        reserved = sum(each.reserved for each in pockets.values())
        assert reserved <= (await world.exchange_balances())["USDC"]

    async def test_an_unknown_pocket_is_refused_by_name(self, books: Bookkeeper) -> None:
        with pytest.raises(PocketNotFoundError):
            await books.reserve([wanted("int-1", Decimal(1), pocket="casino")], ttl_s=60)

    async def test_a_new_allocation_moves_the_totals_and_leaves_the_leases(
        self, books: Bookkeeper, world: World
    ) -> None:
        await reserve(books, "int-1", 500)
        await books.allocate({"active": Decimal(40), "buffer": Decimal(40), "safety": Decimal(20)})
        assert await world.pocket() == {"total": 400, "reserved": 500, "used": 0}
        assert isinstance(await reserve(books, "int-2", 1), ReservationRefused)

    async def test_an_execution_that_cannot_be_booked_is_set_aside_and_holds_up_no_other(
        self, portfolio: Portfolio, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        odd = await trader.entry("int-1", 1, symbol="ODDPAIRXYZ")
        huge = await trader.entry("int-2", 2, quantity="1000000000000000000", price="0.000000000001", fee="0")
        await trader.entry("int-3", 3)
        assert await books.sweep() == 1
        await books.on_executions([odd, huge, await trader.fill("int-3", 4)])
        aside = {item.execution_id: item.reason for item in await portfolio.booking.quarantined()}
        assert aside.keys() == {odd.execution_id, huge.execution_id}
        assert aside[odd.execution_id] == "ODDPAIRXYZ: the quote asset is not known"
        assert "2 cannot be booked" in await portfolio.booking.summary()
        assert await books.sweep(full=False) == 0
        assert (await world.exchange_balances())["BTC"] == 2

    async def test_what_is_set_aside_holds_up_no_opening(
        self, portfolio: Portfolio, world: World, trader: TraderWriter
    ) -> None:
        await trader.entry("int-1", 1, symbol="ODDPAIRXYZ")
        with contextlib.suppress(ContractError):
            await portfolio.account.open_books()
        await portfolio.books.sweep()
        assert await portfolio.account.open_books()
        assert await world.exchange_balances() == {"USDC": 1000, "BNB": 5}

    async def test_what_is_set_aside_is_released_when_it_can_be_booked_or_is_gone(
        self, portfolio: Portfolio, books: Bookkeeper, world: World, trader: TraderWriter
    ) -> None:
        await world.store.set_aside("ex-GONE-1", "GONE", "odd", ManualClock().now())
        event = await trader.entry("int-1", 1)
        await world.store.set_aside(event.execution_id, event.symbol, "odd", ManualClock().now())
        assert await books.sweep(full=False) == 0
        assert await books.sweep() == 1
        assert await portfolio.booking.summary() == "every execution is booked"
        assert all(item.released_at is not None for item in await portfolio.booking.quarantined())

    async def test_fills_from_before_the_opening_are_not_counted_twice(self, books: Bookkeeper, world: World) -> None:
        early = fill_event("int-0", 7, ManualClock().now(), fee="0")
        await books.on_executions([early])
        assert await world.exchange_balances() == {"USDC": 1000, "BNB": 5}
