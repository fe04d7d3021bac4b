"""One answer for all who ask the same at the same time: many screens cost the database as much as one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.src.clocks import SystemClock
from shared.src.single_flight import SharedCache

FRESH_S = 0.4

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class SharedRoute(APIRoute):
    """A GET route whose answer depends on its address alone."""

    def get_route_handler(self) -> Handler:
        """Wrap the route: the same address, the same answer, for a moment."""
        handler = super().get_route_handler()
        answers = SharedCache(SystemClock(), FRESH_S)

        async def shared(request: Request) -> Response:
            return await answers.get(f"{request.url.path}?{request.url.query}", lambda: handler(request))

        return shared
