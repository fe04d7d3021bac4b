"""The event loop that the services run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: waiting for a socket and writing to it costs a third. None: asyncio's own loop."""
    try:
        import uvloop
    except ImportError:  # it exists for no Windows
        return None
    return uvloop.new_event_loop
