"""What the operator does by hand on the account is seen, booked where it belongs, and not undone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.positions.by_hand import OPERATOR
from core.positions.model import Purpose
from core.risk.halts import Cause
from shared.src.contracts.topics import ALERT
from shared.src.domain.orders import CycleStatus, IntentKind, Side
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.engine_world import ACCOUNT, World, one_process
from tests.unit.trader.fake_exchange import SYMBOL
from tests.unit.trader.rig import intent

D = Decimal


async def by_hand(world: World, method: str, path: str, **params: str) -> Any:
    answer = await world.exchange._orders._calls.change(method, path, {"symbol": SYMBOL} | params)
    await world.quiet()
    return answer


async def sold(world: World, quantity: str) -> None:
    await by_hand(world, "post", "order", side="SELL", type="MARKET", quantity=quantity)


async def taken_off(world: World) -> None:
    await by_hand(world, "delete", "openOrders")


def held(world: World) -> Decimal:
    balance = world.engine.account(ACCOUNT).balance("BTC")
    return balance.free + balance.locked


async def open_orders(world: World) -> int:
    return len(await world.exchange.open_orders())


async def test_a_protection_that_is_taken_off_by_hand_stays_off_until_it_is_asked_for() -> None:
    async with one_process() as world:
        await world.take()
        await taken_off(world)
        await world.trader.reconciler.run()
        await world.quiet()
        assert (world.cycle.status, await open_orders(world)) == (CycleStatus.ACTIVE_BUY, 0)
        assert [channel for channel, _ in world.bus.notices].count(ALERT.name) == 1
        await world.trader.store.mark_cancel(world.store.all_orders()[-1])
        world.trader.cycle_manager.wake(world.cycle.id)
        await world.quiet()
        assert await open_orders(world) == 2


async def test_a_sale_by_hand_ends_the_position_with_its_true_result() -> None:
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        await world.take()
        await taken_off(world)
        await world.offer("40000", "40001")
        await sold(world, "0.01998")
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, OPERATOR)
        assert world.cycle.exit_price == 40_000
        assert world.cycle.profit_loss is not None
        assert D(-203) < world.cycle.profit_loss < D(-200)
        assert held(world) >= 1


async def test_a_sale_by_hand_of_the_own_coins_leaves_the_position_alone() -> None:
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        await world.take()
        await sold(world, "0.5")
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        assert world.cycle.exit_quantity == 0
        (external,) = [order for order in world.store.all_orders() if order.purpose is Purpose.EXTERNAL]
        assert external.cycle_id is None


async def test_a_sale_by_hand_of_a_part_makes_the_position_smaller_and_of_more_sells_the_own_coins_too() -> None:
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        await world.take()
        await taken_off(world)
        await sold(world, "0.005")
        assert (world.cycle.status, world.cycle.exit_quantity) == (CycleStatus.ACTIVE_SELL, D("0.005"))
        assert await open_orders(world) == 0
        await sold(world, "0.5")
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.cycle.exit_quantity == D("0.01998")
        assert world.cycle.dust == 0


async def bought_twice(world: World) -> None:
    """Two positions of 0.01998 BTC each, the second bought at 51000."""
    await world.take()
    await world.offer("50999", "51000")
    second = intent(2, world.clock, reference_price=D(51_000), reserved=D(1_030))
    await world.trader.on_intent(second)
    await world.quiet()


async def test_a_sale_by_hand_of_several_positions_ends_each_with_its_true_result() -> None:
    async with one_process() as world:
        await bought_twice(world)
        await taken_off(world)
        await world.offer("40000", "40001")
        await sold(world, "0.03996")
        first, second = world.store.all_cycles()
        assert [cycle.status for cycle in (first, second)] == [CycleStatus.COMPLETED] * 2
        assert [cycle.exit_reason for cycle in (first, second)] == [OPERATOR] * 2
        assert [cycle.exit_quantity for cycle in (first, second)] == [D("0.01998")] * 2
        results = [cycle.profit_loss or D(0) for cycle in (first, second)]
        assert D(-203) < results[0] < D(-200)
        assert D(-223) < results[1] < D(-220)
        await world.trader.reconciler.run()
        await world.trader.reconciler.run()
        assert not await world.store.pauses()


async def test_a_sale_by_hand_of_one_position_and_a_half_leaves_the_half() -> None:
    async with one_process() as world:
        await bought_twice(world)
        await taken_off(world)
        await sold(world, "0.02998")
        first, second = world.store.all_cycles()
        assert (first.status, second.status) == (CycleStatus.COMPLETED, CycleStatus.ACTIVE_SELL)
        assert (first.exit_quantity, second.exit_quantity) == (D("0.01998"), D("0.01"))
        await sold(world, "0.00998")
        second = world.store.all_cycles()[1]
        assert (second.status, second.exit_quantity) == (CycleStatus.COMPLETED, D("0.01998"))


async def test_a_resting_sale_by_hand_is_shared_as_it_fills() -> None:
    async with one_process() as world:
        await bought_twice(world)
        await taken_off(world)
        await by_hand(
            world, "post", "order", side="SELL", type="LIMIT", timeInForce="GTC", price="52000", quantity="0.03996"
        )
        world.book([("51999", "5")], [("52001", "5")])
        await world.trade(Side.BUY, "0.025", "52000")
        first, second = world.store.all_cycles()
        assert (first.status, first.exit_quantity) == (CycleStatus.COMPLETED, D("0.01998"))
        assert (second.exit_quantity, second.exit_price) == (D("0.00502"), D(52_000))
        await world.trade(Side.BUY, "0.1", "52000")
        assert world.store.all_cycles()[1].status is CycleStatus.COMPLETED


def list_another_quote(engine: Engine) -> None:
    engine.add_symbol(MarketRules.create("BTCEUR", "BTC", "EUR", default_filters()), D(40_000))
    engine.add_symbol(MarketRules.create("EURUSDC", "EUR", "USDC", default_filters()), D("1.25"))
    engine.set_liquidity("BTCEUR", [(D(32_000), D(5))], [(D(40_000), D(5))], 0)
    engine.set_liquidity("EURUSDC", [(D("1.24"), D(9_000))], [(D("1.26"), D(9_000))], 0)


async def test_a_sale_by_hand_for_another_currency_ends_the_position_with_its_converted_result() -> None:
    async with one_process(list_another_quote) as world:
        await world.take()
        await taken_off(world)
        await by_hand(world, "post", "order", symbol="BTCEUR", side="SELL", type="MARKET", quantity="0.01998")
        assert (world.cycle.status, world.cycle.exit_price) == (CycleStatus.COMPLETED, D(40_000))
        assert world.cycle.profit_loss is not None
        assert D(-203) < world.cycle.profit_loss < D(-200)
        await compared_twice(world)
        assert not await world.store.pauses()


async def test_a_sale_that_the_stream_lost_is_found_by_the_next_comparison() -> None:
    async with one_process() as world:
        await world.take()
        await world.trader.reconciler.run()
        calls = world.exchange._orders._calls
        await calls.change("delete", "openOrders", {"symbol": SYMBOL})
        await calls.change("post", "order", {"symbol": SYMBOL, "side": "SELL", "type": "MARKET", "quantity": "0.01998"})
        while not world.exchange._news.empty():
            world.exchange._news.get_nowait()
        await world.trader.reconciler.run()
        await world.quiet()
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, OPERATOR)


async def test_what_is_bought_by_hand_stays_the_operators() -> None:
    async with one_process() as world:
        await world.take()
        await by_hand(world, "post", "order", side="BUY", type="MARKET", quantity="0.01")
        await world.take(IntentKind.EXIT)
        assert world.cycle.exit_reason == "signal"
        assert held(world) >= D("0.00999")


async def test_what_we_cancel_ourselves_is_not_the_operators_doing() -> None:
    async with one_process() as world:
        await world.take()
        (target, stop) = await world.store.live_orders()
        await world.trader.orders.cancel(stop)
        world.trader.cycle_manager.wake(world.cycle.id)
        await world.quiet()
        assert await open_orders(world) == 2
        assert ALERT.name not in [channel for channel, _ in world.bus.notices]
        assert target.client_order_id != stop.client_order_id


async def test_a_sale_by_hand_of_what_a_stop_left_unsold_ends_the_position_and_halts_nothing() -> None:
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        await world.take()
        world.book([("48000", "0.005")], [])
        await world.trade(Side.SELL, "0.0001", "48000")  # the stop sells what little somebody buys
        world.book([("47000", "5")], [])
        await sold(world, "1.0149")
        await compared_twice(world)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, OPERATOR)
        assert world.cycle.exit_quantity == D("0.01998")
        assert Cause.DIFFERENCE not in {pause.cause for pause in await world.store.pauses()}


async def test_a_sale_by_hand_of_the_own_coins_leaves_a_position_without_a_stop_alone() -> None:
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        await world.take()
        world.book([("48000", "0.005")], [])
        await world.trade(Side.SELL, "0.0001", "48000")
        world.book([("47000", "5")], [])
        await sold(world, "0.9")
        await compared_twice(world)
        (external,) = [order for order in world.store.all_orders() if order.purpose is Purpose.EXTERNAL]
        assert external.cycle_id is None
        assert held(world) >= D("0.1")


async def test_one_sale_by_hand_of_two_positions_without_stops_ends_both() -> None:
    async with one_process() as world:
        await bought_twice(world)
        world.book([("48000", "0.005")], [])
        await world.trade(Side.SELL, "0.0001", "48000")  # both stops are set off and sell what little somebody buys
        world.book([("47000", "5")], [])
        await sold(world, str(held(world).quantize(D("0.00001"), rounding="ROUND_DOWN")))
        await compared_twice(world)
        assert [cycle.status for cycle in world.store.all_cycles()] == [CycleStatus.COMPLETED] * 2
        assert sum(cycle.exit_quantity for cycle in world.store.all_cycles()) == D("0.03996")
        assert Cause.DIFFERENCE not in {pause.cause for pause in await world.store.pauses()}


async def test_a_sale_by_hand_that_is_told_only_after_ours_was_refused_halts_nothing() -> None:
    async with one_process() as world:
        await world.take()
        await taken_off(world)
        sale = {"symbol": SYMBOL, "side": "SELL", "type": "MARKET", "quantity": "0.01998"}
        await world.exchange._orders._calls.change("post", "order", sale)
        late = []
        while not world.exchange._news.empty():
            late.append(world.exchange._news.get_nowait())
        await world.leave()
        assert world.cycle.status is not CycleStatus.COMPLETED
        for each in late:
            world.exchange._news.put_nowait(each)
        await world.wait(2)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, OPERATOR)
        assert await world.store.pauses() == []


async def compared_twice(world: World) -> None:
    for _ in range(2):
        await world.trader.reconciler.run()
        await world.quiet()
