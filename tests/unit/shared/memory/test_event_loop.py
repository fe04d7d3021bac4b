"""Simulated time: nothing waits, everything happens in the order of time, and a standstill is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.memory.bus import InMemoryBus
from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import DeadlockError, run_simulated
from shared.src.contracts.topics import ORDER_FAILED
from shared.src.domain.clock import to_ms
from tests.behaviour.shared.bus import Collector, running, several

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = to_ms(START)


def simulated(main: Callable[[SimulatedClock], Coroutine[Any, Any, T]]) -> T:
    return run_simulated(main, start=START)


def test_a_day_of_timers_runs_in_a_moment() -> None:
    async def main(clock: SimulatedClock) -> int:
        beats = 0
        while clock.now() < START + timedelta(days=1):
            await clock.sleep(10)
            beats += 1
        return beats

    assert simulated(main) == 8_640


def test_the_clock_shows_what_the_timers_made_of_the_time() -> None:
    async def main(clock: SimulatedClock) -> None:
        assert (clock.now(), clock.now_ms(), clock.monotonic()) == (START, START_MS, 0.0)
        await asyncio.sleep(90.5)
        assert (clock.now(), clock.now_ms(), clock.monotonic()) == (
            START + timedelta(seconds=90.5), START_MS + 90_500, 90.5,
        )  # fmt: skip

    simulated(main)


@given(st.lists(st.integers(0, 5), max_size=60))
def test_callbacks_run_in_the_order_of_their_time_then_of_their_scheduling(delays: list[int]) -> None:
    async def main(_: SimulatedClock) -> list[tuple[int, int]]:
        ran: list[tuple[int, int]] = []
        loop = asyncio.get_running_loop()
        for number, delay in enumerate(delays):
            loop.call_later(delay, ran.append, (delay, number))
        await asyncio.sleep(6)
        return ran

    assert simulated(main) == sorted((delay, number) for number, delay in enumerate(delays))


def test_timeouts_fire_when_their_time_comes() -> None:
    async def main(clock: SimulatedClock) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4):
                await asyncio.sleep(60)
        async with asyncio.timeout(60):
            await asyncio.sleep(1)
        assert clock.monotonic() == 8.0

    simulated(main)


def test_queues_and_groups_of_tasks_work_as_ever() -> None:
    async def main(clock: SimulatedClock) -> list[tuple[float, int]]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        got: list[tuple[float, int]] = []

        async def produce() -> None:
            for number in range(3):
                await queue.put(number)
                await asyncio.sleep(1)

        async def consume() -> None:
            for _ in range(3):
                got.append((clock.monotonic(), await queue.get()))
                await asyncio.sleep(2)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(produce())
            tasks.create_task(consume())
        return got

    assert simulated(main) == [(0.0, 0), (2.0, 1), (4.0, 2)]


def test_an_exception_reaches_the_one_who_runs_it() -> None:
    async def break_later() -> None:
        await asyncio.sleep(1)
        raise ZeroDivisionError("a bug")

    async def main(_: SimulatedClock) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(break_later())
            tasks.create_task(asyncio.sleep(60))

    with pytest.raises(ExceptionGroup) as raised:
        simulated(main)
    assert [str(error) for error in raised.value.exceptions] == ["a bug"]


def test_a_standstill_names_the_tasks_that_wait() -> None:
    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    async def main(_: SimulatedClock) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait_for_nobody(), name="features on analyzer")

    with pytest.raises(DeadlockError, match=r"features on analyzer \(.*wait_for_nobody\) at .*test_event_loop\.py:\d+"):
        simulated(main)


def test_what_is_handed_to_a_thread_is_done_at_once() -> None:
    async def main(clock: SimulatedClock) -> None:
        assert await asyncio.to_thread(sum, [1, 2]) == 3
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        assert clock.monotonic() == 0.0

    simulated(main)


def test_there_is_no_network() -> None:
    async def main(_: SimulatedClock) -> None:
        await asyncio.open_connection("127.0.0.1", 80)

    with pytest.raises(NotImplementedError):
        simulated(main)


def test_everything_that_is_due_before_a_time_has_happened_when_a_driver_arrives_there() -> None:
    async def main(clock: SimulatedClock) -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        for second in (1, 2, 3):
            loop.call_later(second, seen.append, f"timer of {second} s")
        await clock.advance_to(START_MS + 2_000)
        assert clock.now_ms() == START_MS + 2_000
        seen.append("driver at 2 s")
        await clock.advance_to(START_MS + 10_000)
        assert clock.now_ms() == START_MS + 10_000, "time goes on although no timer is left"
        return seen

    assert simulated(main) == ["timer of 1 s", "driver at 2 s", "timer of 2 s", "timer of 3 s"]


def test_time_does_not_go_back() -> None:
    async def main(clock: SimulatedClock) -> None:
        await clock.advance_to(START_MS + 1_000)
        await clock.advance_to(START_MS)

    with pytest.raises(ValueError, match="in the past"):
        simulated(main)


def test_settling_lets_everything_happen_that_can_happen_now_and_nothing_later() -> None:
    async def main(clock: SimulatedClock) -> None:
        bus, collector = InMemoryBus(), Collector()
        later: list[int] = []
        bus.subscribe_batch(ORDER_FAILED, collector.batch, group="g")
        asyncio.get_running_loop().call_later(0.001, later.append, 1)
        async with running(bus):
            await bus.publish_many(ORDER_FAILED, several(200))
            await clock.settle()
            assert (len(collector.seen), later, clock.monotonic()) == (200, [], 0.0)

    simulated(main)


def test_a_driver_that_gives_up_waiting_holds_nobody_up() -> None:
    async def main(clock: SimulatedClock) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await clock.advance_to(START_MS + 5_000)
        await clock.sleep(10)
        assert clock.monotonic() == 11.0

    simulated(main)


def test_the_same_program_does_the_same_thing_each_time() -> None:
    async def main(clock: SimulatedClock) -> list[tuple[float, int]]:
        seen: list[tuple[float, int]] = []

        async def work(number: int) -> None:
            for _ in range(20):
                await asyncio.sleep(0.1 * (1 + number % 3))
                seen.append((clock.monotonic(), number))

        async with asyncio.TaskGroup() as tasks:
            for number in range(10):
                tasks.create_task(work(number))
        return seen

    assert simulated(main) == simulated(main)
