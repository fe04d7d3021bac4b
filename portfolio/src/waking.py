"""Waiting that an event may cut short."""

from __future__ import annotations

import asyncio

from shared.src.domain.clock import Clock


async def woken_within(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait until the event is set, at most ``seconds`` (wall); whether it was."""
    timer = asyncio.ensure_future(clock.sleep(seconds))
    waker = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((timer, waker), return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        timer.cancel()
        waker.cancel()
