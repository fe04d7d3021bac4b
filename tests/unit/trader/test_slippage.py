"""What entries and exits were executed at, against the market when they were decided."""

from __future__ import annotations

from decimal import Decimal

from core.execution.arrival import Arrival
from core.positions.model import Purpose
from shared.src.domain.orders import CycleStatus
from tests.unit.trader.engine_world import one_process

D = Decimal


async def test_an_entry_at_market_is_measured_against_the_middle_half_the_spread_included() -> None:
    async with one_process() as world:
        world.book([("49990", "5")], [("50010", "0.01"), ("50110", "5")])
        await world.buy()
        (entry,) = world.rows(Purpose.ENTRY)
        assert entry.arrival == Arrival(D(50000), D(50010))
        assert (world.cycle.entry_price, world.cycle.entry_benchmark) == (D(50060), D(50000))
        assert world.cycle.entry_slippage_bips == D(12)


async def test_an_exit_at_market_is_measured_against_the_market_that_its_first_attempt_met() -> None:
    async with one_process() as world:
        await world.buy()
        world.exchange.failures["replace"] = [world.exchange.closed()]
        await world.offer("49800", "49820")
        await world.leave()
        await world.offer("49700", "49720")
        await world.wait(3)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert (world.cycle.exit_price, world.cycle.exit_benchmark) == (D(49700), D(49810))
        assert world.cycle.exit_slippage_bips == D("22.0839")


async def test_a_stop_is_measured_against_its_trigger_and_a_target_against_its_price() -> None:
    async with one_process() as world:
        await world.buy()
        await world.offer("48951", "48952")
        assert (world.cycle.exit_reason, world.cycle.exit_benchmark) == ("stop_loss", D(49000))
        assert world.cycle.exit_slippage_bips == D(10)
    async with one_process() as world:
        await world.buy()
        await world.offer("52001", "52002")
        await world.wait(2)
        assert (world.cycle.exit_reason, world.cycle.exit_slippage_bips) == ("take_profit", D(0))
