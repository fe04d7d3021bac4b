"""The connections to Binance's market streams: as many as the streams need, changed while they run.

It delivers frames and says when streams were (re)subscribed; what was missed meanwhile is the receiver's to repair.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.exchange.stream_connection import AttemptBudget, OnConnect, OnFrame, StreamConnection

STREAMS_PER_CONNECTION = 200  # Binance allows 1024; smaller connections lose less when one breaks
SILENCE_S_MAX = 15.0  # some symbol always quotes; nothing for this long means a dead connection
LIFE_S = 23 * 3600.0  # Binance ends a connection after 24 h


class BinanceWebSocket:
    """Keeps ``streams`` subscribed. ``on_connect`` gets the streams that were (re)subscribed after a possible gap."""

    def __init__(
        self,
        base_url: str,
        streams: Sequence[str],
        *,
        clock: Clock,
        on_frame: OnFrame,
        on_connect: OnConnect,
        silence_s_max: float = SILENCE_S_MAX,
        life_s: float = LIFE_S,
        streams_per_connection: int = STREAMS_PER_CONNECTION,
        jitter: random.Random | None = None,
        may_connect: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._base_url = base_url
        self._clock = clock
        self._on_frame = on_frame
        self._on_connect = on_connect
        self._silence_s_max = silence_s_max
        self._life_s = life_s
        self._per_connection = streams_per_connection
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads reconnects, secures nothing
        self._attempts = AttemptBudget(clock, may_connect=may_connect)
        self._connections: dict[StreamConnection, asyncio.Task[None] | None] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()
        self._past_reconnects = 0
        self._add(list(dict.fromkeys(streams)))

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for connection in self._connections:
                self._connections[connection] = tasks.create_task(connection.run())
            await asyncio.Event().wait()

    @property
    def frames(self) -> int:
        return sum(connection.frames for connection in self._connections)

    @property
    def reconnects(self) -> int:
        return self._past_reconnects + sum(connection.reconnects for connection in self._connections)

    @property
    def rotations(self) -> int:
        return sum(connection.rotations for connection in self._connections)

    @property
    def streams(self) -> list[str]:
        return [stream for connection in self._connections for stream in connection.streams]

    def statistics(self) -> dict[str, int]:
        """For /diagnostic."""
        return {
            "connections": len(self._connections),
            "streams": len(self.streams),
            "frames": self.frames,
            "reconnects": self.reconnects,
            "rotations": self.rotations,
        }

    async def probe(self) -> str:
        """Health: every connection has spoken recently.

        Raises:
            TransientError: a connection is down or silent.
        """
        for connection in self._connections:
            silent_s = connection.silent_s
            if silent_s is None:
                raise TransientError("market stream is not connected")
            if silent_s > self._silence_s_max:
                raise TransientError(f"market stream silent for {silent_s:.0f} s")
        return f"{len(self._connections)} connection(s), {self.frames} frames"

    async def set_streams(self, streams: Iterable[str]) -> None:
        """Subscribe to exactly these from now on; connections that stay are not interrupted."""
        async with self._changing:
            wanted = dict.fromkeys(streams)
            for connection in list(self._connections):
                gone = [stream for stream in connection.streams if stream not in wanted]
                if len(gone) == len(connection.streams):
                    self._drop(connection)
                elif gone:
                    await connection.change(remove=gone)
            known = set(self.streams)
            new = [stream for stream in wanted if stream not in known]
            for connection in self._connections:
                room = self._per_connection - len(connection.streams)
                taken, new = new[:room], new[room:]
                if taken:
                    await connection.change(add=taken)
            self._add(new)

    async def renew(self, streams: Iterable[str]) -> None:
        """Subscribe again to streams that went silent while their connection speaks."""
        silent = set(streams)
        for connection in list(self._connections):
            own = [stream for stream in connection.streams if stream in silent]
            if own:
                await connection.renew(own)

    def _add(self, streams: Sequence[str]) -> None:
        for start in range(0, len(streams), self._per_connection):
            connection = StreamConnection(
                self._base_url,
                streams[start : start + self._per_connection],
                clock=self._clock,
                on_frame=self._on_frame,
                on_connect=self._on_connect,
                attempts=self._attempts,
                silence_s_max=self._silence_s_max,
                life_s=self._life_s,
                jitter=self._jitter,
            )
            task = self._tasks.create_task(connection.run()) if self._tasks else None
            self._connections[connection] = task

    def _drop(self, connection: StreamConnection) -> None:
        task = self._connections.pop(connection)
        self._past_reconnects += connection.reconnects
        if task is not None:
            task.cancel()
