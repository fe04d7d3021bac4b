"""What rests in the book to buy does not rest for ever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from core.positions.model import MANUAL, Purpose
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from tests.unit.trader.engine_world import World, one_process
from tests.unit.trader.rig import intent

D = Decimal


async def rests(world: World, **decided: object) -> None:
    levels = {"price": D(49000), "stop_loss": D(48000), "take_profit": D(52000)}
    await world.buy(type=OrderType.LIMIT, **(levels | decided))


async def test_what_a_strategy_decided_to_buy_is_canceled_at_its_age() -> None:
    async with one_process(resting_entry_max_minutes=1) as world:
        await rests(world)
        await world.wait(59)
        assert world.cycle.status is CycleStatus.WAITING_BUY
        await world.wait(2)
        assert world.standing() == []
        assert (world.cycle.status, world.cycle.exit_reason) == (
            CycleStatus.CANCELED,
            "the entry rested as long as it may",
        )


async def test_what_was_filled_until_then_stays_protected() -> None:
    async with one_process(resting_entry_max_minutes=1) as world:
        await rests(world)
        world.book([("48990", "5")], [("49010", "5")])
        await world.trade(Side.SELL, "0.01", "49000")
        await world.wait(61)
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        assert {kind.split()[0] for kind in world.standing()} == {"STOP_LOSS", "LIMIT_MAKER"}
        assert world.exchange.uncovered < D("0.00001")
        (entry,) = world.rows(Purpose.ENTRY)
        assert (entry.status, entry.executed_quantity) == (OrderStatus.CANCELED, D("0.01"))


async def test_an_order_by_hand_rests_as_long_as_it_was_asked_to() -> None:
    async with one_process(resting_entry_max_minutes=1) as world:
        await rests(world, strategy=MANUAL)
        await world.wait(120)
        assert world.cycle.status is CycleStatus.WAITING_BUY


async def test_an_order_may_name_its_own_age() -> None:
    async with one_process() as world:
        asked = intent(1, world.clock, type=OrderType.LIMIT, price=D(49000), strategy=MANUAL)
        await world.trader.intents.take(asked, rests_for=timedelta(seconds=30))
        await world.wait(31)
        assert world.cycle.status is CycleStatus.CANCELED


async def test_an_order_at_market_is_kept_as_it_was_asked_for_beside_what_was_sent() -> None:
    async with one_process() as world:
        await world.buy()
        (entry,) = world.rows(Purpose.ENTRY)
        assert (entry.asked_type, entry.type, entry.time_in_force) == (OrderType.MARKET, OrderType.LIMIT, "IOC")
