"""A trader with its exchange and its store in one process: nothing but memory and a clock that is moved."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.orders import CycleStatus, IntentKind
from tests.unit.trader.engine_world import one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal


async def test_a_position_is_bought_protected_and_sold_on_a_signal() -> None:
    async with one_process() as world:
        await world.take()
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        assert [order.purpose.value for order in await world.store.live_orders()] == ["take_profit", "stop_loss"]
        await world.offer("50499", "50500")
        await world.take(IntentKind.EXIT)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "signal")
        assert world.cycle.exit_price == 50_499
        assert world.engine.audit()["ok"]


async def test_a_position_is_sold_by_the_exchange_when_its_target_is_reached() -> None:
    async with one_process() as world:
        await world.take()
        await world.offer("60000", "60001")
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "take_profit")
        assert not await world.store.live_orders()


async def test_what_happened_is_told_to_the_bus_in_order() -> None:
    async with one_process() as world:
        await world.take()
        await world.take(IntentKind.EXIT)
        await world.trader.publisher.flush()
        states = [message.status for message in world.bus.messages[CYCLE_UPDATED.name]]
        assert (states[0], states[-1]) == (CycleStatus.INITIATING, CycleStatus.COMPLETED)
        assert [fill.side.value for fill in world.bus.messages[EXECUTION.name]] == ["BUY", "SELL"]


async def test_a_symbol_that_is_not_listed_is_refused_as_binance_refuses_it() -> None:
    async with one_process() as world:
        for asked in (world.exchange.rules("NOPE"), world.exchange.follow(["NOPE"]), world.exchange.ticker("NOPE")):
            with pytest.raises(RejectedError, match="Invalid symbol") as refused:
                await asked
            assert refused.value.code == -1121


async def test_a_market_without_offers_has_no_price() -> None:
    async with one_process() as world:
        world.engine.set_liquidity(SYMBOL, [(D(49_999), D(1))], [], world.clock.now_ms())
        assert await world.exchange.latest(SYMBOL) is None
        with pytest.raises(TransientError):
            await world.exchange.ticker(SYMBOL)
