"""An asyncio event loop whose time is simulated: when nothing is ready, time jumps to the next timer.

``asyncio.sleep``, timeouts, queues and task groups work as ever, without waiting for anything. Nothing here depends on
the machine: callbacks run in the order of their time, then of their scheduling, so that a program without other
inputs does the same thing each time. There are no sockets, pipes or threads; what is handed to an executor runs in the
loop, at once.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from datetime import datetime
from typing import Any, TypeVar, TypeVarTuple

from shared.memory.clock import SimulatedClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class DeadlockError(Exception):
    """Every task waits for something that nobody is going to do; the text names the tasks and where they wait."""


class _Timer(asyncio.TimerHandle):
    """A timer that sorts by its time, then by when it was scheduled: a heap alone does not keep that order."""

    __slots__ = ("_order",)
    _scheduled: bool  # of the base class: whether it is in the heap

    def __init__(
        self, when: float, callback: Callable[..., object], args: Any, loop: SimulatedEventLoop, context: Context | None
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._order = loop.next_number()

    def __lt__(self, other: Any) -> bool:
        return (self.when(), self._order) < (other.when(), other._order)


class _Waiter:
    """Someone who waits until everything before a time has happened."""

    def __init__(self, until: float, order: int, future: asyncio.Future[None]) -> None:
        self.until = until
        self.future = future
        self._order = order

    def __lt__(self, other: _Waiter) -> bool:
        return (self.until, self._order) < (other.until, other._order)


class SimulatedEventLoop(asyncio.BaseEventLoop):
    """Time starts at 0 and is what the timers make of it.

    ``asyncio.BaseEventLoop`` leaves three things to the loops built on it: a selector to wait in, what to do with the
    events that it found, and how to wake it from another thread. Here the selector moves time on, and there is nothing
    to find and nobody to wake it.
    """

    _scheduled: list[_Timer]  # the heap of the base class

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._numbers = 0
        self._waiters: list[_Waiter] = []
        self._selector = self

    def time(self) -> float:
        return self._now

    def next_number(self) -> int:
        """Numbers that grow: the order of scheduling."""
        self._numbers += 1
        return self._numbers

    async def settle(self, until: float | None = None) -> None:
        """Wait until every callback that is ready has run and no timer is due before ``until``, which is the time then.

        Without ``until``: before now. A timer that is due at ``until`` runs after the one who waited: what comes from
        outside at that moment comes first.
        """
        until = self._now if until is None else until
        if until < self._now:
            raise ValueError(f"{until} is in the past: it is {self._now}")
        future = self.create_future()
        heapq.heappush(self._waiters, _Waiter(until, self.next_number(), future))
        await future

    # What BaseEventLoop calls

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def select(self, timeout: float | None) -> list[Any]:
        """Called once in each round; ``timeout`` is 0 as long as a callback is ready."""
        if timeout != 0:
            self._move_on()
        return []

    def _move_on(self) -> None:
        """Nothing is ready: on to whoever is next, a waiter before a timer of the same time."""
        timer = self._scheduled[0].when() if self._scheduled else None
        while self._waiters and self._waiters[0].future.done():  # cancelled meanwhile
            heapq.heappop(self._waiters)
        if self._waiters and (timer is None or self._waiters[0].until <= timer):
            waiter = heapq.heappop(self._waiters)
            self._now = waiter.until
            waiter.future.set_result(None)
        elif timer is not None:
            self._now = timer
        else:
            raise DeadlockError(f"nothing is scheduled, and these tasks wait for ever: {'; '.join(_waiting(self))}")

    def _process_events(self, _: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody is asleep."""

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run it now: another thread would end at a time of its own."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as in an executor: whoever awaits the future gets it, whatever it is
            future.set_exception(error)
        return future


def run_simulated(main: Callable[[SimulatedClock], Coroutine[Any, Any, T]], *, start: datetime) -> T:
    """Run ``main`` in an event loop of its own, whose clock shows ``start`` at first.

    Raises:
        DeadlockError: nothing is left that could happen, and ``main`` has not ended.
    """
    with asyncio.Runner(loop_factory=SimulatedEventLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulatedEventLoop)
        return runner.run(main(SimulatedClock(loop, start=start)))


def _waiting(loop: asyncio.AbstractEventLoop) -> list[str]:
    """The tasks that wait, by name, with the line at which each of them does."""
    found = []
    for task in sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name())):
        name = getattr(task.get_coro(), "__qualname__", "?")
        places = [f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in task.get_stack(limit=1)]
        found.append(f"{task.get_name()} ({name}) at {', '.join(places)}")
    return found
