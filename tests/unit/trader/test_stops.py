"""Stops that sell in a gap, that follow the price, and that are moved, on an exchange that matches as Binance does."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.positions.model import Order, Purpose
from shared.src.domain.orders import CycleStatus
from tests.unit.trader.engine_world import World, one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal
DUST = D("0.00001")


def stop(world: World) -> Order:
    (found,) = [order for order in world.rows(Purpose.STOP_LOSS) if order.is_open]
    return found


async def to(world: World, *bids: int) -> None:
    """The price goes there step by step, each long enough to be looked at."""
    for bid in bids:
        await world.offer(str(bid), str(bid + 1))
        await world.wait(1)


async def test_a_gap_through_the_stop_is_sold_by_the_exchange_alone() -> None:
    async with one_process() as world:
        await world.buy()
        await world.offer("30000", "30001")
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "stop_loss")
        assert world.exchange.held < DUST


@pytest.mark.parametrize(("bid", "sold"), [("46600", True), ("44000", False)])
async def test_where_a_symbol_has_no_stops_at_market_the_limit_is_far_enough_for_all_but_the_widest_gaps(
    bid: str, sold: bool
) -> None:
    async with one_process() as world:
        rules = world.engine.market(SYMBOL).rules
        object.__setattr__(rules, "order_types", tuple(kind for kind in rules.order_types if kind.value != "STOP_LOSS"))
        world.exchange._parsed.clear()
        await world.buy()
        await world.offer(bid, "50000")
        assert (world.cycle.status is CycleStatus.COMPLETED) is sold
        await world.wait(3)
        assert world.cycle.status is CycleStatus.COMPLETED


async def test_a_trail_that_is_wider_than_the_decided_stop_leaves_it_until_it_has_risen_above() -> None:
    async with one_process(trailing_stop_percent="10") as world:
        await world.buy(stop_loss=D(49750), take_profit=D(90000))
        assert stop(world).stop_price == D(49750)
        await to(world, 52000, 54000)
        assert stop(world).stop_price == D(49750)
        await to(world, 56000)
        assert stop(world).stop_price is None  # the exchange trails it now, 10 % behind
        await to(world, 60000)
        await world.offer("53990", "53991")
        assert (world.cycle.status, world.cycle.exit_price) == (CycleStatus.COMPLETED, D(53990))


async def test_a_wider_trail_does_not_hold_a_position_under_its_decided_stop() -> None:
    async with one_process(trailing_stop_percent="10") as world:
        await world.buy(stop_loss=D(49750), take_profit=D(90000))
        await world.offer("49700", "49701")
        assert world.cycle.status is CycleStatus.COMPLETED


async def test_a_stop_that_the_last_trade_would_start_is_not_given_a_better_place_yet() -> None:
    """Somebody bids more, nobody has traded there: Binance refuses such a stop, and the old one would be gone."""
    async with one_process(break_even_percent="2") as world:
        await world.buy(take_profit=D(90000))
        world.book([("51100", "5")], [("51101", "5")])
        await world.wait(3)
        assert stop(world).stop_price == D(49000)
        assert not world.cycle.exit_reason
        await to(world, 51200)
        await world.wait(10)
        assert stop(world).stop_price == D(50100)


async def test_a_stop_moves_to_the_entry_and_its_fees_once_the_position_has_gained_enough() -> None:
    async with one_process(break_even_percent="2") as world:
        await world.buy(take_profit=D(90000))
        await to(world, 50900)
        assert stop(world).stop_price == D(49000)
        await to(world, 51100)
        assert stop(world).stop_price == D(50100)
        assert world.exchange.uncovered < DUST
        await to(world, 51200, 50050)
        assert world.cycle.status is CycleStatus.COMPLETED


async def test_half_of_a_position_is_sold_at_its_first_gain_and_the_rest_goes_on() -> None:
    async with one_process(partial_take_profit_percent="5", trailing_stop_percent="3") as world:
        await world.buy(take_profit=D(90000))
        await to(world, 52000)
        assert not world.cycle.exit_quantity
        await to(world, 52600)
        assert world.cycle.exit_quantity == D("0.01")
        assert world.exchange.uncovered < DUST
        await to(world, 53000, 54000)
        assert world.cycle.exit_quantity == D("0.01")
        assert stop(world).remaining == D("0.00998")
        await to(world, 52300)
        assert world.cycle.status is CycleStatus.COMPLETED


async def test_a_stop_and_a_target_that_are_moved_stand_there_without_a_gap() -> None:
    async with one_process() as world:
        await world.buy()
        before = len(world.exchange.calls)
        await world.store.move_levels(world.cycle.id, stop_price=D("49500.5"), take_profit_price=D(51000))
        world.trader.cycle_manager.wake(world.cycle.id)
        await world.quiet()
        assert stop(world).stop_price == D("49500.5")
        assert [name for name, _ in world.exchange.calls[before:]] == ["replace"]
        assert world.exchange.uncovered < DUST
        await world.offer("51001", "51002")
        await world.wait(2)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "take_profit")


async def test_a_stop_that_belongs_higher_stays_while_its_symbol_does_not_trade() -> None:
    async with one_process(break_even_percent="2") as world:
        await world.buy(take_profit=D(90000))
        await world.offer("51100", "51101")
        world.engine.set_status(SYMBOL, "BREAK", world.clock.now_ms())
        await world.wait(20)
        assert stop(world).stop_price == D(49000)
        world.engine.set_status(SYMBOL, "TRADING", world.clock.now_ms())
        await world.offer("51100", "51101")
        await world.wait(40)
        assert stop(world).stop_price == D(50100)
        assert world.exchange.uncovered < DUST
