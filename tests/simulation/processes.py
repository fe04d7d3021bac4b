"""Processes that share one event loop and can be killed: what a process does after its death never happened.

Everything a process reaches the world by (its store, its bus, the exchange) is handed to it through a ``Lifeline``. A
lifeline counts the calls; at the one the adversary chose, before or after it is carried out, the process dies: that
call and every later one raise ``Killed``, and all its tasks are cancelled.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.memory.clock import SimulatedClock

T = TypeVar("T")
Work = Callable[[], Awaitable[None]]
Way = Callable[[], Awaitable[None]]
Build = Callable[["Process"], Awaitable[Mapping[str, Work]]]

# Calls that wait for something to come: no step of a process.
WAITING = frozenset({"run", "wait_for_outbox", "idle", "sleep"})

_owner: ContextVar[Process | None] = ContextVar("owner", default=None)


class Killed(BaseException):
    """The process of whoever meets this is dead."""


class Process:
    """The tasks of one process. ``steps_left``: at how many more steps it dies; None: not at all."""

    def __init__(self, name: str, on_death: Callable[[Process], None], on_end: Callable[[str], None]) -> None:
        self.name = name
        self.is_dead = False
        self.steps_left: int | None = None
        self._on_death = on_death
        self._on_end = on_end
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def step(self) -> None:
        """One step of its work is about to be done, or done."""
        if self.is_dead:
            raise Killed
        if self.steps_left is None:
            return
        self.steps_left -= 1
        if self.steps_left < 0:
            self.die()
            raise Killed

    def die(self) -> None:
        """Nothing it does from here on has an effect."""
        if self.is_dead:
            return
        self.is_dead = True
        for task in list(self._tasks):
            task.cancel()
        self._on_death(self)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """A task of this process."""
        context = copy_context()
        context.run(_owner.set, self)
        return context.run(lambda: asyncio.get_running_loop().create_task(work, name=name))

    def start(self, build: Build) -> None:
        """Put the service together and run its work until the process dies; what ends by itself is told."""
        self.spawn(self._begin(build), f"{self.name}: begin")

    async def _begin(self, build: Build) -> None:
        with self._watched("begin"):
            for name, work in (await build(self)).items():
                self.spawn(self._work(name, work), f"{self.name}: {name}")

    async def _work(self, name: str, work: Work) -> None:
        with self._watched(name):
            await work()
            self._ended(name, "it returned")

    @contextmanager
    def _watched(self, name: str) -> Iterator[None]:
        """What ends a process by itself is told; what happens to a dead one is not."""
        try:
            yield
        except (Exception, ExceptionGroup) as error:  # noqa: BLE001 - whatever ends a process is what the auditor wants
            self._ended(name, _innermost(error))
        except BaseException:
            if not self.is_dead:
                raise

    def _ended(self, name: str, how: str) -> None:
        if not self.is_dead:
            self._on_end(f"{self.name}: {name}: {how}")
            self.die()

    async def stop(self) -> None:
        """End what is left of it."""
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks), timeout=1)


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def own_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task of the loop belong to the process that started it."""

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        owner = _owner.get()
        if owner is not None:
            owner.adopt(task)
        return task

    loop.set_task_factory(factory)


class MachineClock:
    """Implements ``Clock`` for the processes of one machine, which is ``ahead_s`` of the exchange, or behind it."""

    speed = 1.0

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.ahead_s)

    def now_ms(self) -> int:
        return self._clock.now_ms() + round(self.ahead_s * 1000)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Lifeline:
    """Stands for ``target`` in the hands of a process: every call is a step of it, before and after.

    ``way``: a call takes so long to arrive, as one to a database does; what others do meanwhile comes first.
    """

    def __init__(self, target: Any, process: Process, way: Way | None = None) -> None:
        self._target = target
        self._process = process
        self._way = way

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        wrapped = found if name in WAITING else self._wrapped(found)
        if callable(found):
            self.__dict__[name] = wrapped
        return wrapped

    def _wrapped(self, found: Any) -> Any:
        if inspect.iscoroutinefunction(found):
            return self._call(found)
        if inspect.isfunction(inspect.unwrap(found)) and hasattr(found, "__wrapped__"):
            return self._block(found)
        return found

    def _call(self, found: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._process.step()
            if self._way is not None:
                await self._way()
            answer = await found(*args, **kwargs)
            self._process.step()
            return answer

        return call

    def _block(self, found: Callable[..., Any]) -> Callable[..., Any]:
        @asynccontextmanager
        async def block(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            self._process.step()
            if self._way is not None:
                await self._way()
            async with found(*args, **kwargs) as inside:
                yield inside
                self._process.step()
            self._process.step()

        return block
