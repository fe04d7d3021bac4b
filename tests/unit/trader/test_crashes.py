"""kill -9 between any two steps of the order path: nothing is lost, nothing is done twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.src.contracts.topics import ORDER_FAILED
from shared.src.domain.orders import CycleStatus, IntentKind
from tests.unit.trader.rig import Rig, intent

STEPS = 75


async def entry_and_exit(rig: Rig) -> None:
    """The whole life of a position; time passes, prices move little."""
    await rig.receive(intent(1, rig.clock))
    await rig.deliver()
    await rig.publish()
    await rig.receive(intent(1, rig.clock, kind=IntentKind.EXIT))
    await rig.deliver()
    await rig.publish()


@pytest.mark.parametrize("step", range(1, STEPS))
async def test_a_crash_at_any_step_of_a_position_loses_and_doubles_nothing(step: int) -> None:
    rig = Rig(signal_max_age_s=3600)
    rig.fuse.left = step
    await entry_and_exit(rig)
    await rig.settle()
    rig.check()
    (cycle,) = rig.cycles
    # an exit that comes before a lost entry is tried again calls the entry off
    assert cycle.status in {CycleStatus.COMPLETED, CycleStatus.FAILED}
    assert bool(rig.exchange.buys()) is (cycle.status is CycleStatus.COMPLETED)
    assert rig.exchange.base < Decimal("0.00001")


@pytest.mark.parametrize("step", range(1, 30))
async def test_a_crash_at_any_step_of_an_entry_leaves_the_time_of_its_protection_known(step: int) -> None:
    rig = Rig(signal_max_age_s=3600)
    rig.fuse.left = step
    await rig.receive(intent(1, rig.clock))
    await rig.deliver()
    await rig.settle()
    (cycle,) = rig.cycles
    assert cycle.status is CycleStatus.ACTIVE_BUY
    assert cycle.protected_at is not None


@pytest.mark.parametrize("step", range(1, 30))
async def test_a_crash_and_a_lost_answer_together_change_nothing(step: int) -> None:
    rig = Rig(signal_max_age_s=3600)
    rig.fuse.left = step
    rig.exchange.answers_to_lose = 1
    await entry_and_exit(rig)
    await rig.settle()
    rig.check()
    assert rig.exchange.base < Decimal("0.00001")


@pytest.mark.parametrize("step", range(1, STEPS))
@pytest.mark.parametrize("lost", ["answers_to_lose", "requests_to_delay"])
async def test_a_machine_that_stands_still_at_any_step_past_every_horizon_doubles_nothing(step: int, lost: str) -> None:
    rig = Rig(signal_max_age_s=3600)
    setattr(rig.exchange, lost, 1)
    rig.stand_still(step, 20)
    await entry_and_exit(rig)
    await rig.settle()
    rig.check()
    assert rig.exchange.base < Decimal("0.00001")


async def test_an_exit_that_is_heard_again_leaves_the_next_position_alone() -> None:
    rig = Rig()
    leave = intent(1, rig.clock, kind=IntentKind.EXIT)
    for message in (intent(1, rig.clock), leave, intent(2, rig.clock), leave):
        await rig.receive(message)
        await rig.settle(20)
    rig.check()
    assert [cycle.status for cycle in rig.cycles] == [CycleStatus.COMPLETED, CycleStatus.ACTIVE_BUY]


async def test_a_refused_entry_that_is_heard_again_when_it_would_be_allowed_stays_refused() -> None:
    rig = Rig()
    rig.exchange.move(Decimal(56000))
    await rig.receive(intent(1, rig.clock))
    rig.exchange.move(Decimal(50000))
    taken = await rig.trader.intents.take(intent(1, rig.clock))
    await rig.settle()
    rig.check()
    assert "before" in taken.refused
    assert not rig.cycles
    assert [message.topic for message in rig.store.told.values()] == [ORDER_FAILED.name]


@pytest.mark.parametrize("lost", [1, 2])
async def test_an_entry_that_never_arrived_is_sent_again_under_a_new_id(lost: int) -> None:
    rig = Rig()
    rig.exchange.requests_to_lose = lost
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    await rig.settle()
    rig.check()
    (cycle,) = rig.cycles
    assert cycle.status is CycleStatus.ACTIVE_BUY
    assert [order.attempt for order in rig.orders if order.side.value == "BUY"] == [*range(1, lost + 2)]


async def test_an_entry_that_never_arrives_fails_and_gives_its_funds_back() -> None:
    rig = Rig()
    rig.exchange.requests_to_lose = 3
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    await rig.settle()
    rig.check()
    assert [cycle.status for cycle in rig.cycles] == [CycleStatus.FAILED]
    assert [message.topic for message in rig.store.told.values()].count(ORDER_FAILED.name) == 1


async def test_an_entry_is_not_sent_again_when_the_price_has_left() -> None:
    rig = Rig()
    rig.exchange.requests_to_lose = 1
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    rig.exchange.move(Decimal(52000))
    await rig.settle()
    rig.check()
    assert not rig.exchange.buys()
    assert [cycle.status for cycle in rig.cycles] == [CycleStatus.FAILED]


async def lost_entry(rig: Rig) -> None:
    """An intent whose order never arrives, and nobody knows."""
    rig.exchange.requests_to_lose = 1
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))


async def test_an_entry_is_not_sent_again_once_trading_is_paused() -> None:
    rig = Rig()
    await lost_entry(rig)
    await rig.memory.pause("all", "storm", rig.clock.now())
    await rig.settle()
    rig.check()
    assert not rig.exchange.buys()
    (cycle,) = rig.cycles
    assert cycle.status is CycleStatus.FAILED
    assert cycle.exit_reason == "the request got lost; not sent again: trading is paused: storm"
    assert [message.topic for message in rig.store.told.values()].count(ORDER_FAILED.name) == 1


async def test_an_entry_is_not_sent_again_once_its_decision_is_old() -> None:
    rig = Rig(signal_max_age_s=20)
    decided = rig.clock.now_ms() - 10_000
    rig.exchange.requests_to_lose = 1
    await rig.live(rig.trader.intents.take(intent(1, rig.clock, decided_on=decided)))
    await rig.settle()
    rig.check()
    assert not rig.exchange.buys()


async def test_an_entry_that_was_taken_back_is_never_sent_again() -> None:
    rig = Rig()
    await lost_entry(rig)
    await rig.memory.cancel_entry(rig.cycles[0].id)
    await rig.settle()
    rig.check()
    assert not rig.exchange.buys()
    (cycle,) = rig.cycles
    assert (cycle.status, cycle.exit_reason) == (CycleStatus.CANCELED, "canceled by hand, never sent")


async def test_an_entry_that_was_taken_back_and_had_filled_is_a_protected_position() -> None:
    rig = Rig()
    rig.exchange.answers_to_lose = 1
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    await rig.memory.cancel_entry(rig.cycles[0].id)
    await rig.settle()
    rig.check()
    assert [cycle.status for cycle in rig.cycles] == [CycleStatus.ACTIVE_BUY]


async def test_an_order_that_arrives_late_is_waited_for_and_adopted() -> None:
    rig = Rig()
    rig.exchange.requests_to_delay = 1
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    await rig.tick()
    assert len(rig.exchange.orders) == 0
    await rig.settle()
    rig.check()
    assert [cycle.status for cycle in rig.cycles] == [CycleStatus.ACTIVE_BUY]


async def test_events_that_come_twice_and_late_are_booked_once() -> None:
    rig = Rig()
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    await rig.deliver(keep=True)
    rig.exchange.events.reverse()
    await rig.deliver()
    await rig.settle()
    rig.check()


async def test_a_stop_that_the_price_jumped_over_is_sold_at_market() -> None:
    rig = Rig()
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    rig.exchange.move(Decimal(45000))
    await rig.settle(30)
    rig.check()
    (cycle,) = rig.cycles
    assert (cycle.status, cycle.exit_reason) == (CycleStatus.COMPLETED, "stop_gap")


async def test_a_position_that_is_too_old_is_closed() -> None:
    rig = Rig(max_holding_minutes=1)
    await rig.live(rig.trader.intents.take(intent(1, rig.clock)))
    await rig.settle(20)
    assert [cycle.status for cycle in rig.cycles] == [CycleStatus.ACTIVE_BUY]
    await rig.settle(60)
    rig.check()
    assert [cycle.exit_reason for cycle in rig.cycles] == ["time"]


PLANS = {
    "twap": {"entry_execution": "twap", "twap_s": 8, "twap_slices": 3},
    "maker_first": {"entry_execution": "maker_first", "maker_patience_s": 4},
}


@pytest.mark.parametrize("step", range(1, STEPS))
@pytest.mark.parametrize("method", list(PLANS))
async def test_a_crash_at_any_step_of_an_entry_in_several_orders_buys_all_of_it_once(method: str, step: int) -> None:
    rig = Rig(signal_max_age_s=3600, **PLANS[method])
    rig.fuse.left = step
    await rig.receive(intent(1, rig.clock))
    for _ in range(4):
        await rig.deliver()
        await rig.tick()
        rig.exchange.elapse(2)
    await rig.settle(60)
    rig.check()
    (cycle,) = rig.cycles
    assert (cycle.status, cycle.quantity, cycle.entering) == (CycleStatus.ACTIVE_BUY, Decimal("0.02"), False)


@pytest.mark.parametrize("step", range(1, 40))
@pytest.mark.parametrize("lost", ["answers_to_lose", "requests_to_delay"])
async def test_a_part_whose_answer_is_lost_beside_a_crash_is_bought_once(step: int, lost: str) -> None:
    rig = Rig(signal_max_age_s=3600, **PLANS["twap"])
    setattr(rig.exchange, lost, 1)
    rig.fuse.left = step
    await rig.receive(intent(1, rig.clock))
    await rig.settle()
    rig.check()
    (cycle,) = rig.cycles
    assert (cycle.status, cycle.quantity, cycle.entering) == (CycleStatus.ACTIVE_BUY, Decimal("0.02"), False)
