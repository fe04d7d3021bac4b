"""One reading for everyone who asks meanwhile: many readers cost a database as much as one.

async-lru does the same for a function of its arguments. Here the key of a reading (the address of a request) is not
what it reads from (the request), the platform's clock measures its age, and what is forgotten is not waited for either.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from shared.src.domain.clock import Clock

T = TypeVar("T")

CACHE_S = 0.5
SIZE_MAX = 512


class SharedCache:
    """Reads once for everyone who asks during the reading, or within ``ttl_s`` wall seconds of its start.

    A failure is told to everyone who waits for the reading, and not kept.
    """

    def __init__(self, clock: Clock, ttl_s: float = CACHE_S, *, size_max: int = SIZE_MAX) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._size_max = size_max
        self._running: dict[Hashable, asyncio.Task[Any]] = {}
        self._known: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._known)

    async def get(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``read`` returns, or returned a moment ago; whoever stops waiting does not take it from the others."""
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() - known[0] < self._ttl_s:
            kept: T = known[1]
            return kept
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._read(key, read))
        answer: T = await asyncio.shield(task)
        return answer

    async def _read(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        started = self._clock.monotonic()
        try:
            answer = await read()
            if self._is_running(key):
                self._keep(key, started, answer)
            return answer
        finally:
            if self._is_running(key):
                del self._running[key]

    def _is_running(self, key: Hashable) -> bool:
        """Whether the current task's reading was not forgotten meanwhile."""
        return self._running.get(key) is asyncio.current_task()

    def _keep(self, key: Hashable, started: float, answer: Any) -> None:
        self._known[key] = (started, answer)
        self._known.move_to_end(key)
        while len(self._known) > self._size_max:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: who asks from now on sees what was written until now."""
        self._known.clear()
        self._running.clear()
