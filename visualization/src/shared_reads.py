"""One answer for all who ask the same at the same time: many screens cost the database as much as one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

FRESH_S = 0.4
ANSWERS_MAX = 512

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class SharedAnswers:
    """Runs a read once for everyone who asks meanwhile or within ``FRESH_S``. Failures are told, never kept."""

    def __init__(self, fresh_s: float = FRESH_S) -> None:
        self._fresh_s = fresh_s
        self._running: dict[str, asyncio.Task[Response]] = {}
        self._known: OrderedDict[str, tuple[float, Response]] = OrderedDict()

    async def get(self, key: str, read: Callable[[], Coroutine[Any, Any, Response]]) -> Response:
        """The answer to ``key``; whoever hangs up does not take it away from the others."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(key)
        if known is not None and now - known[0] < self._fresh_s:
            return known[1]
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._read(key, read))
            self._running[key] = task
        return await asyncio.shield(task)

    async def _read(self, key: str, read: Callable[[], Coroutine[Any, Any, Response]]) -> Response:
        try:
            answer = await read()
        finally:
            del self._running[key]
        self._known[key] = (asyncio.get_running_loop().time(), answer)
        self._known.move_to_end(key)
        while len(self._known) > ANSWERS_MAX:
            self._known.popitem(last=False)
        return answer


class SharedRoute(APIRoute):
    """A GET route whose answer depends on its address alone."""

    def get_route_handler(self) -> Handler:
        """Wrap the route: the same address, the same answer, for a moment."""
        handler = super().get_route_handler()
        answers = SharedAnswers()

        async def shared(request: Request) -> Response:
            return await answers.get(f"{request.url.path}?{request.url.query}", lambda: handler(request))

        return shared
