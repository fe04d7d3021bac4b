"""A panic cancels all entries, closes all positions and halts, whatever happens in the middle of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.risk.halts import ALL, Cause
from shared.src.domain.orders import CycleStatus, OrderType
from tests.unit.trader.rig import Rig, intent

STEPS = 60


async def one_open_one_resting() -> Rig:
    rig = Rig(signal_max_age_s=3600)
    await rig.receive(intent(1, rig.clock))
    await rig.receive(intent(2, rig.clock, type=OrderType.LIMIT, price=Decimal(49_600)))
    await rig.deliver()
    assert [cycle.is_ended for cycle in rig.cycles] == [False, False]
    return rig


async def test_a_panic_leaves_no_entry_and_no_position_and_lets_none_in() -> None:
    rig = await one_open_one_resting()
    await rig.live(rig.trader.panic.begin("fire"))
    await rig.settle(20)
    rig.check()
    assert {cycle.status for cycle in rig.cycles} == {CycleStatus.COMPLETED, CycleStatus.CANCELED}
    assert {cycle.exit_reason for cycle in rig.cycles} == {"panic"}
    assert rig.exchange.base < Decimal("0.00001")
    await rig.receive(intent(3, rig.clock))
    assert len(rig.cycles) == 2
    progress = await rig.trader.panic.progress()
    assert progress.is_done


async def test_a_panic_that_is_repeated_keeps_its_beginning() -> None:
    rig = await one_open_one_resting()
    first = await rig.trader.panic.begin("fire")
    await rig.settle(20)
    second = await rig.trader.panic.begin("fire, I said")
    assert first.halt is not None
    assert second.halt == replace(first.halt, reason="panic: fire, I said")


@pytest.mark.parametrize("step", range(1, STEPS))
async def test_a_panic_that_was_written_down_is_carried_on_after_a_crash_at_any_step(step: int) -> None:
    rig = await one_open_one_resting()
    rig.fuse.left = step
    await rig.live(rig.trader.panic.begin("fire"))
    await rig.settle()
    rig.check()
    if any(pause.cause is Cause.PANIC for pause in await rig.memory.pauses()):
        assert all(cycle.is_ended for cycle in rig.cycles)
        assert rig.exchange.base < Decimal("0.00001")


async def test_what_a_lost_entry_buys_after_the_panic_is_sold() -> None:
    rig = Rig(signal_max_age_s=3600)
    rig.exchange.answers_to_lose = 1
    await rig.receive(intent(1, rig.clock))
    await rig.live(rig.trader.panic.begin("fire"))
    await rig.settle()
    rig.check()
    assert rig.exchange.base < Decimal("0.00001")


async def test_entries_begin_again_once_the_halt_is_lifted() -> None:
    rig = await one_open_one_resting()
    await rig.live(rig.trader.panic.begin("fire"))
    await rig.settle(20)
    assert await rig.memory.resume(ALL)
    await rig.tick()
    await rig.receive(intent(3, rig.clock))
    await rig.settle(20)
    assert [cycle.is_ended for cycle in rig.cycles] == [True, True, False]
