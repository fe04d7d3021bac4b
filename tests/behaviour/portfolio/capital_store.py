"""What every store of pockets, leases and books keeps to."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from core.capital.leases import Facts
from core.capital.ledger import Flow, LedgerAccount, Posting, PostingKind, flow_posting, opening_posting
from core.capital.pockets import Pocket, Reservation, ReservationStatus
from portfolio.src.ports import BEGINNING, CapitalTransaction, ChangedLease
from shared.memory.manual_clock import ManualClock
from shared.src.domain.orders import Side
from tests.behaviour.portfolio.world import TraderWriter, World


def deposit(at: datetime, amount: str = "10") -> Posting:
    return flow_posting("transfer-1", Flow(PostingKind.DEPOSIT, {"USDC": Decimal(amount)}), at, "test")


def lease(status: ReservationStatus = ReservationStatus.ACTIVE) -> Reservation:
    return Reservation("int-1", "active", "USDC", Decimal(100), status=status)


async def overdue(world: World) -> bool:
    async with world.store.change() as transaction:
        (found,) = await transaction.leases()
    return found.facts.overdue


class CapitalStoreBehaviour:
    """On every store."""

    async def test_a_posting_is_written_once(self, world: World, clock: ManualClock) -> None:
        async with world.store.change() as transaction:
            assert await transaction.ledger.add(deposit(clock.now()))
            assert not await transaction.ledger.add(deposit(clock.now()))
        async with world.store.change() as transaction:
            assert not await transaction.ledger.add(deposit(clock.now(), "99"))
        assert await world.exchange_balances() == {"USDC": 10}
        assert await world.balances(LedgerAccount.CAPITAL) == {"USDC": -10}
        assert await world.kinds() == [PostingKind.DEPOSIT]

    async def test_what_a_failed_block_wrote_never_was(self, world: World, clock: ManualClock) -> None:
        async def fail() -> None:
            async with world.store.change() as transaction:
                await transaction.ledger.add(deposit(clock.now()))
                await transaction.save_leases([ChangedLease(lease(), begins=True)], ttl_s=60)
                await transaction.save_pockets([Pocket("active", Decimal(50), Decimal(5))], clock.now())
                raise ValueError("killed")

        with pytest.raises(ValueError, match="killed"):
            await fail()
        assert await world.exchange_balances() == {}
        assert (await world.pocket())["total"] == 0
        async with world.store.change() as transaction:
            assert await transaction.leases(["int-1"]) == []

    async def test_readers_see_what_was_kept_last(self, world: World, clock: ManualClock) -> None:
        async with world.store.change() as transaction:
            await transaction.ledger.add(deposit(clock.now()))
            assert await transaction.ledger.held("USDC") == 10
            assert await world.exchange_balances() == {}
        assert await world.exchange_balances() == {"USDC": 10}

    async def test_one_decides_at_a_time(self, world: World, clock: ManualClock) -> None:
        async def add_one(transaction: CapitalTransaction) -> None:
            pocket = (await transaction.pockets())["active"]
            await asyncio.sleep(0.001)
            grown = Pocket("active", pocket.share_percent, pocket.total + 1)
            await transaction.save_pockets([grown], clock.now())

        async def work() -> None:
            async with world.store.change() as transaction:
                await add_one(transaction)

        await asyncio.gather(*(work() for _ in range(6)))
        assert (await world.pocket())["total"] == 6

    async def test_an_installation_is_founded_once(self, world: World, clock: ManualClock) -> None:
        async with world.store.change() as transaction:
            await transaction.save_pockets([Pocket("active", Decimal(50), Decimal(5))], clock.now())
        await world.store.found({"active": Decimal(60)}, clock.now())
        assert (await world.pocket())["total"] == 5

    async def test_a_lease_keeps_its_end_until_it_begins_again(self, world: World) -> None:
        async with world.store.change() as transaction:
            await transaction.save_leases([ChangedLease(lease(), begins=True)], ttl_s=3600)
        assert not await overdue(world)
        await world.age_leases()
        async with world.store.change() as transaction:
            await transaction.save_leases([ChangedLease(lease(), begins=False)], ttl_s=3600)
        assert await overdue(world)
        async with world.store.change() as transaction:
            await transaction.save_leases([ChangedLease(lease(), begins=True)], ttl_s=3600)
        assert not await overdue(world)

    async def test_a_lease_that_ended_is_read_by_name_or_while_its_cycle_is_open(
        self, world: World, trader: TraderWriter
    ) -> None:
        ended = lease(ReservationStatus.EXPIRED)
        async with world.store.change() as transaction:
            await transaction.save_leases([ChangedLease(ended, begins=False)], ttl_s=60)
        async with world.store.change() as transaction:
            assert await transaction.leases() == []
            assert [each.lease for each in await transaction.leases(["int-1", "int-2"])] == [ended]
        await trader.cycle("int-1", "active_buy")
        async with world.store.change() as transaction:
            assert [each.lease for each in await transaction.leases()] == [ended]

    async def test_facts_count_an_execution_once_the_books_have_it(self, world: World, trader: TraderWriter) -> None:
        async with world.store.change() as transaction:
            await transaction.save_leases([ChangedLease(lease(), begins=True)], ttl_s=3600)
        await trader.entry("int-1", 1, status="PARTIALLY_FILLED", quantity="2", fee="0.5", fee_asset="USDC")
        await trader.order("int-1", "NEW", side="SELL", purpose="stop_loss", cycle_id="cy-int-1")
        await trader.fill("int-1", 2, side=Side.SELL, purpose="stop_loss", quantity="0.5")
        async with world.store.change() as transaction:
            (before,) = await transaction.leases()
            for execution in await transaction.ledger.unposted(since=BEGINNING, limit=10):
                posting = Posting(f"fill:{execution.execution_id}", PostingKind.FILL, execution.occurred_at, ())
                assert await transaction.ledger.add(posting)
            (after,) = await transaction.leases()
        assert before.facts == Facts(orders=1, open_orders=1)
        booked = Facts(
            spent=Decimal("200.5"), base="BTC", bought=Decimal(2), sold=Decimal("0.5"), orders=1, open_orders=1
        )
        assert after.facts == booked

    async def test_what_the_books_lack_is_found_oldest_first(self, world: World, trader: TraderWriter) -> None:
        await trader.entry("int-1", 3)
        for trade_id in (1, 2):
            await trader.fill("int-1", trade_id)
        async with world.store.look() as ledger:
            found = await ledger.unposted(since=BEGINNING, limit=2)
            since = found[0].occurred_at + timedelta(seconds=1)
            assert [execution.trade_id for execution in found] == [1, 2]
            assert await ledger.unposted(since=since, limit=2) == []
            assert await ledger.booked(since=BEGINNING) == {}

    async def test_the_revision_tells_that_something_moved(
        self, world: World, trader: TraderWriter, clock: ManualClock
    ) -> None:
        async with world.store.look() as ledger:
            assert (await ledger.revision()).key == (0, 0, 0)
            assert await ledger.opened_at() is None
        await trader.entry("int-1", 1, status="UNKNOWN")
        async with world.store.change() as transaction:
            await transaction.ledger.add(opening_posting({"USDC": Decimal(1)}, clock.now()))
        async with world.store.look() as ledger:
            assert (await ledger.revision()).key == (1, 1, 1)
            assert await ledger.opened_at() == clock.now()
