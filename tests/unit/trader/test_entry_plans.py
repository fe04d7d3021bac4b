"""Entries that are bought in several orders, on an exchange that matches as Binance does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.positions.model import Order, Purpose
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from tests.unit.trader.engine_world import World, one_process

D = Decimal
DUST = D("0.00001")
MAKER: dict[str, Any] = {"entry_execution": "maker_first", "maker_patience_s": 10}


def entries(world: World) -> list[Order]:
    return sorted(world.rows(Purpose.ENTRY), key=lambda order: order.attempt)


def alive(world: World) -> list[Order]:
    return [order for order in entries(world) if not order.is_done]


async def test_a_maker_waits_at_the_best_bid_and_pays_no_spread() -> None:
    async with one_process(**MAKER) as world:
        world.book([("49990", "5")], [("50010", "5")])
        await world.buy()
        (order,) = alive(world)
        assert (order.type, order.price, order.quantity) == (OrderType.LIMIT_MAKER, D(49990), D("0.02"))
        await world.trade(Side.SELL, "6", "49990")
        assert (world.cycle.quantity, world.cycle.entering) == (D("0.02"), False)
        assert world.cycle.entry_slippage_bips == D(-2)
        assert world.exchange.uncovered < DUST


async def test_what_a_maker_got_is_protected_at_once_and_the_rest_is_taken_after_its_time() -> None:
    async with one_process(**MAKER) as world:
        world.book([("49990", "0.001")], [("50010", "5")])
        await world.buy()
        await world.trade(Side.SELL, "0.009", "49990")
        assert world.cycle.quantity == D("0.008")
        assert world.exchange.uncovered < DUST
        assert len(alive(world)) == 1
        world.book([("49985", "5")], [("50010", "5")])
        await world.wait(11)
        assert (world.cycle.quantity, world.cycle.entering) == (D("0.02"), False)
        last = entries(world)[-1]
        assert (last.time_in_force, last.executed_quantity, last.price) == ("IOC", D("0.012"), D(50500))
        assert world.exchange.uncovered < DUST


async def test_a_maker_follows_the_bid_up_with_one_order_at_a_time() -> None:
    async with one_process(**MAKER) as world:
        world.book([("49990", "5")], [("50010", "5")])
        await world.buy()
        for bid in ("50000", "50005"):
            world.book([(bid, "5")], [("50020", "5")])
            await world.wait(3)
            assert [order.price for order in alive(world)] == [D(bid)]
        assert sum(order.executed_quantity for order in entries(world)) == 0


async def test_nothing_is_bought_over_the_bound_however_far_the_market_runs() -> None:
    async with one_process(**MAKER) as world:
        await world.buy()
        await world.offer("50600", "50610")
        await world.wait(120)
        assert world.exchange.held == 0
        assert world.cycle.status is CycleStatus.CANCELED


async def test_twap_buys_equal_parts_each_protected_before_the_next() -> None:
    async with one_process(entry_execution="twap", twap_s=40, twap_slices=4) as world:
        world.count("100")
        await world.buy()
        for part in range(1, 5):
            assert world.cycle.quantity == part * D("0.005")
            assert world.exchange.uncovered < DUST
            await world.wait(10)
        await world.wait(10)
        assert (world.cycle.quantity, world.cycle.entering) == (D("0.02"), False)
        assert [order.executed_quantity for order in entries(world)] == [D("0.005")] * 4
        assert len([order for order in world.rows(Purpose.STOP_LOSS) if order.is_open]) == 1


async def test_twap_waits_while_entries_are_paused_and_makes_up_for_it() -> None:
    async with one_process(entry_execution="twap", twap_s=40, twap_slices=4) as world:
        world.count("100")
        await world.buy()
        await world.store.pause("all", "by hand", world.clock.now())
        await world.wait(15)
        assert world.cycle.quantity == D("0.005")
        await world.store.resume("all")
        await world.wait(20)
        assert world.cycle.quantity == D("0.02")


async def test_a_position_that_is_left_buys_no_more() -> None:
    async with one_process(entry_execution="twap", twap_s=40, twap_slices=4) as world:
        world.count("100")
        await world.buy()
        await world.leave()
        await world.wait(60)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert (world.cycle.quantity, world.cycle.entering) == (D("0.005"), False)


async def test_a_stop_that_is_hit_ends_the_entry() -> None:
    async with one_process(entry_execution="twap", twap_s=40, twap_slices=4) as world:
        world.count("100")
        await world.buy()
        await world.offer("48900", "48901")
        await world.offer("49999", "50000")
        await world.wait(60)
        assert (world.cycle.status, world.cycle.quantity) == (CycleStatus.COMPLETED, D("0.005"))


async def test_participation_buys_its_share_of_what_is_traded() -> None:
    async with one_process(entry_execution="participation", participation_percent="10", participation_s=600) as world:
        world.count("0.05")
        await world.buy()
        assert world.cycle.quantity == D("0.005")
        await world.wait(60)
        world.count("0.03")
        await world.wait(6)
        assert world.cycle.quantity == D("0.008")
        await world.wait(60)
        world.count("9")
        await world.wait(6)
        assert (world.cycle.quantity, world.cycle.entering) == (D("0.02"), False)


async def test_a_part_that_gets_no_answer_is_asked_for_and_never_bought_twice() -> None:
    async with one_process(entry_execution="twap", twap_s=40, twap_slices=4) as world:
        world.count("100")
        await world.buy()
        world.exchange.failures["place"] = [world.exchange.busy()]
        await world.wait(60)
        assert world.cycle.quantity == D("0.02")
        assert [order.status for order in entries(world)].count(OrderStatus.REJECTED) == 1
