"""A position opened by hand belongs to its owner: strategies close only what is theirs, or what was handed to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from core.positions.model import MANUAL, Cycle
from shared.src.domain.orders import CycleStatus, IntentKind, ManagedBy
from tests.unit.trader.rig import Rig, intent


async def opened(rig: Rig, managed_by: ManagedBy, number: int = 1) -> None:
    strategy = MANUAL if number == 1 else "EMA_Cross"
    await rig.receive(intent(number, rig.clock, strategy=strategy, managed_by=managed_by))
    await rig.settle(10)


def open_of(rig: Rig) -> Sequence[Cycle]:
    return [cycle for cycle in rig.cycles if not cycle.is_ended]


async def test_a_signal_does_not_close_what_belongs_to_its_owner_and_says_so() -> None:
    rig = Rig()
    await opened(rig, ManagedBy.OWNER)
    taken = await rig.trader.intents.take(intent(9, rig.clock, kind=IntentKind.EXIT))
    await rig.settle(10)
    assert "belongs to its owner" in taken.refused
    assert [cycle.status for cycle in open_of(rig)] == [CycleStatus.ACTIVE_BUY]
    rig.check()


async def test_a_signal_closes_what_its_owner_handed_to_the_strategies() -> None:
    rig = Rig()
    await opened(rig, ManagedBy.STRATEGIES)
    await rig.receive(intent(9, rig.clock, kind=IntentKind.EXIT))
    await rig.settle(10)
    assert not open_of(rig)
    rig.check()


async def test_a_signal_closes_the_strategies_position_beside_the_owners() -> None:
    rig = Rig()
    await opened(rig, ManagedBy.OWNER)
    await opened(rig, ManagedBy.STRATEGIES, number=2)
    await rig.receive(intent(9, rig.clock, kind=IntentKind.EXIT))
    await rig.settle(10)
    assert [(cycle.strategy, cycle.managed_by) for cycle in open_of(rig)] == [(MANUAL, ManagedBy.OWNER)]
    rig.check()


@pytest.mark.parametrize("managed_by", ManagedBy)
async def test_the_age_limit_is_the_strategies(managed_by: ManagedBy) -> None:
    rig = Rig(max_holding_minutes=60)
    await opened(rig, managed_by)
    rig.exchange.elapse(timedelta(hours=2).total_seconds())
    await rig.settle(10)
    assert bool(open_of(rig)) is (managed_by is ManagedBy.OWNER)


async def test_the_owner_closes_it_by_hand() -> None:
    rig = Rig()
    await opened(rig, ManagedBy.OWNER)
    (cycle,) = open_of(rig)
    await rig.store.request_exit(cycle.id, "manual")
    rig.trader.cycle_manager.wake(cycle.id)
    await rig.settle(10)
    assert not open_of(rig)
    rig.check()
