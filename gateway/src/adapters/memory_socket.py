"""The gateway's streams in one process: whoever drives the market hands its frames to ``deliver``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.src.ports import OnConnect, OnFrame


class MemorySocket:
    """Implements ``Socket``: subscribed at once, never interrupted."""

    def __init__(self, streams: Sequence[str], *, on_frame: OnFrame, on_connect: OnConnect) -> None:
        self.streams = tuple(streams)
        self._on_frame = on_frame
        self._on_connect = on_connect

    async def run(self) -> None:
        await self._on_connect(self.streams)
        await asyncio.Event().wait()

    async def set_streams(self, streams: Sequence[str]) -> None:
        new = [stream for stream in streams if stream not in self.streams]
        self.streams = tuple(streams)
        if new:
            await self._on_connect(new)

    async def renew(self, streams: Sequence[str]) -> None:
        """A stream that says nothing here has nothing to say."""

    async def probe(self) -> str:
        return f"{len(self.streams)} streams"

    def statistics(self) -> dict[str, Any]:
        return {"streams": len(self.streams)}

    async def deliver(self, frame: str | bytes) -> None:
        """One frame of a combined stream, as Binance writes it; returns when the gateway has taken it in."""
        await self._on_frame(frame)
