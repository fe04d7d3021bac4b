"""Entries that bring their exits along: the exchange places them, whatever becomes of us meanwhile."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.positions.model import Purpose
from shared.src.domain.errors import RejectedError
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from simulator.engine.orders import Ref
from tests.unit.trader.engine_world import ACCOUNT, World, one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal
DUST = D("0.00001")
PAIR = ["STOP_LOSS 0.01998", "LIMIT_MAKER 0.01998"]


async def rests(world: World, price: str = "49000") -> None:
    """An entry over 0.02 BTC that waits at ``price``, to be left at 48000 and at 52000."""
    await world.buy(type=OrderType.LIMIT, price=D(price), stop_loss=D(48000))
    world.book([("48990", "5")], [("49010", "5")])


def calls(world: World) -> list[str]:
    return [name for name, _ in world.exchange.calls]


async def test_an_entry_that_waits_is_one_call_with_its_exits() -> None:
    async with one_process() as world:
        await rests(world)
        assert calls(world) == ["place_entry_list"]
        assert world.cycle.status is CycleStatus.WAITING_BUY
        assert {order.status for order in world.rows(Purpose.STOP_LOSS)} == {OrderStatus.PENDING_NEW}


async def test_what_is_filled_while_nobody_hears_it_is_protected() -> None:
    async with one_process() as world:
        await rests(world)
        world.exchange.silent = True
        await world.trade(Side.SELL, "0.02", "49000")
        assert world.standing() == PAIR
        world.exchange.silent = False
        await world.trader.reconciler.run()
        await world.quiet()
        assert calls(world) == ["place_entry_list"]
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        assert {order.quantity for order in world.rows(Purpose.STOP_LOSS)} == {D("0.01998")}


async def test_its_exits_sell_the_position_and_end_it() -> None:
    async with one_process() as world:
        await rests(world)
        await world.trade(Side.SELL, "0.02", "49000")
        await world.offer("47000", "47010")
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "stop_loss")
        assert world.exchange.held < DUST


async def test_an_entry_comes_alone_where_the_owner_has_coins_that_would_pay_its_fee() -> None:
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        await world.trader.reconciler.run()
        await rests(world)
        assert calls(world) == ["place"]


@pytest.mark.parametrize("coins", ["0", "1"], ids=["no coins of the owner's", "coins that the owner deposits later"])
async def test_what_is_filled_in_parts_is_covered_after_each_and_once_in_the_end(coins: str) -> None:
    async with one_process() as world:
        await rests(world)
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(coins), world.clock.now_ms())
        for _ in range(4):
            await world.trade(Side.SELL, "0.005", "49000")
            assert world.exchange.uncovered < D(coins) + DUST
        await world.wait(2)
        stops = [order for order in world.rows(Purpose.STOP_LOSS) if order.is_open]
        assert sum(order.quantity for order in stops) == D("0.01998")
        assert world.cycle.status is CycleStatus.ACTIVE_BUY


async def test_an_entry_that_is_taken_back_takes_its_exits_along() -> None:
    async with one_process() as world:
        await rests(world)
        await world.leave()
        assert world.standing() == []
        assert world.cycle.status is CycleStatus.CANCELED
        assert {order.status for order in world.rows(Purpose.STOP_LOSS)} == {OrderStatus.EXPIRED}


async def test_the_part_of_an_entry_that_the_operator_cancels_stays_protected() -> None:
    async with one_process() as world:
        await rests(world)
        await world.trade(Side.SELL, "0.01", "49000")
        account = world.engine.account(ACCOUNT)
        (entry,) = [order for order in account.open_on(SYMBOL) if order.is_buy]
        world.engine.cancel(account, SYMBOL, Ref(entry.order_id), world.clock.now_ms())
        world.exchange.announce()
        await world.quiet()
        assert world.exchange.uncovered < DUST
        assert world.cycle.status is CycleStatus.ACTIVE_BUY


async def test_a_list_whose_answer_is_lost_is_found() -> None:
    async with one_process() as world:
        world.exchange.answers_lost["place_entry_list"] = 1
        await rests(world)
        assert calls(world) == ["place_entry_list"]
        await world.trade(Side.SELL, "0.02", "49000")
        assert world.standing() == PAIR


async def test_a_list_that_got_lost_is_sent_again_past_the_horizon_as_an_entry_alone() -> None:
    async with one_process() as world:
        world.exchange.failures["place_entry_list"] = [world.exchange.silence()]
        await world.buy(type=OrderType.LIMIT, price=D(49000), stop_loss=D(48000))
        await world.wait(18)
        assert world.standing() == ["LIMIT 0.02"]
        world.book([("48990", "5")], [("49010", "5")])
        await world.trade(Side.SELL, "0.02", "49000")
        assert world.exchange.uncovered < DUST


async def test_a_list_that_the_exchange_refuses_fails_with_its_reason() -> None:
    async with one_process() as world:
        world.exchange.failures["place_entry_list"] = [RejectedError("-2010 Market is closed.", code=-2010)]
        await rests(world)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.FAILED, "-2010 Market is closed.")


async def test_an_entry_comes_alone_where_the_symbol_has_no_such_lists() -> None:
    async with one_process() as world:
        rules = world.engine.market(SYMBOL).rules
        world.engine.market(SYMBOL).rules = replace(rules, opo_allowed=False)
        await rests(world)
        assert calls(world) == ["place"]


async def test_an_entry_comes_alone_where_the_user_wants_it() -> None:
    async with one_process(entry_lists=False) as world:
        await rests(world)
        assert calls(world) == ["place"]


async def test_an_entry_that_is_filled_at_once_is_covered_by_the_exchange() -> None:
    async with one_process() as world:
        await world.buy(type=OrderType.LIMIT, price=D(50000))
        assert world.standing() == PAIR
        assert calls(world) == ["place_entry_list"]
