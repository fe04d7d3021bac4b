"""The connection to Binance's market streams: heartbeat, silence detection, backoff, rotation before 24 h.

It delivers frames and says when it (re)connected; what was missed meanwhile is the receiver's to repair.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import Counter, Gauge
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError

logger = logging.getLogger(__name__)

STREAMS_PER_CONNECTION = 200  # Binance allows 1024; smaller connections lose less when one breaks
SILENCE_S_MAX = 15.0  # some symbol always quotes; nothing for this long means a dead connection
ROTATE_S = 23 * 3600.0  # Binance ends a connection after 24 h
BACKOFF_S_MAX = 30.0
FRAME_BYTES_MAX = 2**20

RECONNECTS = Counter("roottrading_stream_reconnects", "market stream connections opened again", ["reason"])
CONNECTED = Gauge("roottrading_stream_connections", "market stream connections that are open")

OnFrame = Callable[[str | bytes], Awaitable[None]]
OnConnect = Callable[[Sequence[str]], Awaitable[None]]


class BinanceWebSocket:
    """Keeps ``streams`` subscribed. ``on_connect`` gets the streams of a connection each time it is (re)opened."""

    def __init__(
        self,
        base_url: str,
        streams: Sequence[str],
        *,
        clock: Clock,
        on_frame: OnFrame,
        on_connect: OnConnect,
        silence_s_max: float = SILENCE_S_MAX,
        jitter: random.Random | None = None,
    ) -> None:
        self._base_url = base_url
        self._chunks = [
            list(streams[start : start + STREAMS_PER_CONNECTION])
            for start in range(0, len(streams), STREAMS_PER_CONNECTION)
        ]
        self._clock = clock
        self._on_frame = on_frame
        self._on_connect = on_connect
        self._silence_s_max = silence_s_max
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads reconnects, secures nothing
        self._last_frame_s: list[float | None] = [None] * len(self._chunks)
        self.frames = 0
        self.reconnects = 0

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for index in range(len(self._chunks)):
                tasks.create_task(self._keep(index))

    async def probe(self) -> str:
        """Health: every connection has spoken recently.

        Raises:
            TransientError: a connection is down or silent.
        """
        now = self._clock.monotonic()
        for last in self._last_frame_s:
            if last is None:
                raise TransientError("market stream is not connected")
            if now - last > self._silence_s_max:
                raise TransientError(f"market stream silent for {now - last:.0f} s")
        return f"{len(self._chunks)} connection(s), {self.frames} frames"

    async def _keep(self, index: int) -> None:
        attempt = 0
        while True:
            opened_s = self._clock.monotonic()
            reason = await self._one_connection(index)
            self._last_frame_s[index] = None
            self.reconnects += 1
            RECONNECTS.labels(reason).inc()
            attempt = 0 if self._clock.monotonic() - opened_s > BACKOFF_S_MAX else attempt + 1
            delay = 0.0 if reason == "rotation" else self._backoff(attempt)
            logger.warning("market stream reconnects", extra={"reason": reason, "in_s": round(delay, 2)})
            await self._clock.sleep(delay)

    def _backoff(self, attempt: int) -> float:
        """Exponential with full jitter, so that many clients do not come back at the same moment."""
        ceiling = min(BACKOFF_S_MAX, 0.25 * 2 ** min(attempt, 10))
        return self._jitter.uniform(0.1 * ceiling, ceiling)

    async def _one_connection(self, index: int) -> str:
        """Serve one connection until it ends; answers why it ended."""
        streams = self._chunks[index]
        url = f"{self._base_url}/stream?streams={'/'.join(streams)}"
        try:
            async with connect(
                url, open_timeout=10, ping_interval=20, ping_timeout=20, close_timeout=1, max_size=FRAME_BYTES_MAX
            ) as socket:
                CONNECTED.inc()
                try:
                    return await self._serve(index, socket, streams)
                finally:
                    CONNECTED.dec()
        except (WebSocketException, OSError, TimeoutError) as error:
            logger.warning("market stream failed", extra={"reason": f"{type(error).__name__}: {error}"})
            return "error"

    async def _serve(self, index: int, socket: ClientConnection, streams: Sequence[str]) -> str:
        rotate_at = self._clock.monotonic() + ROTATE_S
        self._last_frame_s[index] = self._clock.monotonic()
        repair = asyncio.create_task(_awaited(self._on_connect(streams)))
        try:
            while self._clock.monotonic() < rotate_at:
                try:
                    async with asyncio.timeout(self._silence_s_max):
                        raw = await socket.recv()
                except TimeoutError:
                    return "silence"
                self._last_frame_s[index] = self._clock.monotonic()
                self.frames += 1
                await self._on_frame(raw)
                if repair.done():
                    repair.result()
            return "rotation"
        finally:
            if not repair.done():
                repair.cancel()


async def _awaited(work: Awaitable[None]) -> None:
    await work
