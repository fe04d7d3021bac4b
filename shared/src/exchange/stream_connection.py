"""One connection to Binance's combined streams: opened, watched, replaced before its end without a gap.

Rules of the exchange (WebSocket Streams): a connection lives 24 h, takes five messages a second, 300 connections may
be opened in five minutes, and `serverShutdown` announces that it ends soon.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import orjson
from prometheus_client import Counter, Gauge
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.exchange.proxies import websocket_proxy
from shared.src.retry import Backoff, until_done

logger = logging.getLogger(__name__)

BACKOFF = Backoff(first_s=0.5, max_s=30.0)
FRAME_BYTES_MAX = 2**20
FRAMES_WAITING_MAX = 2_048
ASK_AGAIN = Backoff(first_s=1.0, max_s=10.0)
ATTEMPTS_5M_MAX = 250  # Binance allows 300; the rest is left to other programs on this address
MESSAGE_GAP_S = 0.4  # five messages a second are allowed, and pings and pongs count
ANSWER_S_MAX = 10.0
OVERLAP_S_MAX = 5.0
LOOK_EVERY_S = 0.5
SHUTDOWN = b'{"stream":"!serverShutdown"'
FRAME = b'{"stream"'

RECONNECTS = Counter("roottrading_stream_reconnects", "market stream connections opened again", ["reason"])
CONNECTED = Gauge("roottrading_stream_connections", "market stream connections that are open")

Connect = Callable[..., Awaitable[ClientConnection]]
OnFrame = Callable[[str | bytes], Awaitable[None]]
OnConnect = Callable[[Sequence[str]], Awaitable[None]]


def _told_to_wait(error: TransientError) -> None:
    logger.warning("no connection now", extra={"reason": str(error)})


class AttemptBudget:
    """Connections opened in the last five minutes, of all connections together."""

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int = ATTEMPTS_5M_MAX,
        window_s: float = 300.0,
        may_connect: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``may_connect`` asks the budget of all services; it raises TransientError while there is nothing left."""
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._may_connect = may_connect
        self._opened: deque[float] = deque()

    async def take(self) -> None:
        """Count an attempt; waits while the exchange would refuse it."""
        while True:
            now = self._clock.monotonic()
            while self._opened and self._opened[0] <= now - self._window_s:
                self._opened.popleft()
            if len(self._opened) < self._limit:
                self._opened.append(now)
                break
            await self._clock.sleep(self._opened[0] + self._window_s - now)
        if self._may_connect is not None:
            await until_done(self._may_connect, ASK_AGAIN, sleep=self._clock.sleep, on_failure=_told_to_wait)


class _Session:
    """An open socket, the streams that it is subscribed to, and the task that reads it."""

    def __init__(self, socket: ClientConnection, streams: Iterable[str], on_frame: OnFrame, clock: Clock) -> None:
        self.streams = set(streams)
        self._socket = socket
        self._on_frame = on_frame
        self._clock = clock
        self._sending = asyncio.Lock()
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._number = 0
        self.opened_s = clock.monotonic()
        self.last_frame_s = self.opened_s
        self.frames = 0
        self.ends_soon = False
        self.spoke = asyncio.Event()
        self.reading = asyncio.create_task(self._read())
        CONNECTED.inc()

    async def _read(self) -> None:
        """Until the socket ends; raises what the receiver of the frames raises."""
        try:
            while True:
                raw = await self._socket.recv(decode=False)
                self.last_frame_s = self._clock.monotonic()
                self.frames += 1
                if not self.frames & 0xFF:
                    await asyncio.sleep(0)  # a flood must not keep others from their turn
                if raw.startswith(FRAME):
                    if not self.spoke.is_set():
                        self.spoke.set()
                    if raw.startswith(SHUTDOWN):
                        self.ends_soon = True
                        continue
                elif self._is_answer(raw):
                    continue
                await self._on_frame(raw)
        except (WebSocketException, OSError) as error:
            logger.info("market stream ended", extra={"reason": f"{type(error).__name__}: {error}"})
        finally:
            for answer in self._answers.values():
                answer.cancel()

    def _is_answer(self, raw: bytes) -> bool:
        with suppress(orjson.JSONDecodeError, ValueError, TypeError):
            answer = orjson.loads(raw)
            waiting = self._answers.pop(int(answer.get("id") or 0), None) if isinstance(answer, dict) else None
            if waiting is not None and not waiting.done():
                if "result" in answer:
                    waiting.set_result(None)
                else:
                    waiting.set_exception(ConnectionError(f"refused: {raw.decode('utf-8', 'replace')}"))
                return True
        return False

    async def command(self, method: str, streams: Iterable[str]) -> None:
        """Send a command and wait for its answer.

        Raises:
            OSError: it was refused, not answered in time, or the connection ended.
        """
        async with self._sending:
            self._number += 1
            answer = asyncio.get_running_loop().create_future()
            self._answers[self._number] = answer
            request = {"method": method, "params": list(streams), "id": self._number}
            try:
                await self._socket.send(orjson.dumps(request).decode())
                async with asyncio.timeout(ANSWER_S_MAX):
                    await asyncio.wait({answer})
            except WebSocketException as error:
                raise ConnectionError(str(error)) from error
            if answer.cancelled():
                raise ConnectionError("the connection ended")
            answer.result()
            await self._clock.sleep(MESSAGE_GAP_S)

    async def close(self) -> None:
        self.reading.cancel()
        with suppress(asyncio.CancelledError, WebSocketException, OSError):
            await self.reading
        await self._socket.close()
        CONNECTED.dec()


class StreamConnection:
    """Keeps its streams subscribed. ``on_connect`` gets those that were just (re)subscribed after a possible gap."""

    def __init__(
        self,
        base_url: str,
        streams: Iterable[str],
        *,
        clock: Clock,
        on_frame: OnFrame,
        on_connect: OnConnect,
        attempts: AttemptBudget,
        silence_s_max: float,
        life_s: float,
        jitter: random.Random,
        connect: Connect = connect,
    ) -> None:
        self.streams = dict.fromkeys(streams)
        self.reconnects = 0
        self.rotations = 0
        self._base_url = base_url
        self._clock = clock
        self._on_frame = on_frame
        self._on_connect = on_connect
        self._attempts = attempts
        self._silence_s_max = silence_s_max
        self._life_s = life_s
        self._jitter = jitter
        self._connect = connect
        self._session: _Session | None = None
        self._matching = asyncio.Lock()
        self._repairs: set[asyncio.Task[None]] = set()
        self._frames_before = 0

    @property
    def frames(self) -> int:
        return self._frames_before + (self._session.frames if self._session else 0)

    @property
    def silent_s(self) -> float | None:
        """Seconds since the last frame; None while there is no connection."""
        return None if self._session is None else self._clock.monotonic() - self._session.last_frame_s

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        try:
            while True:
                await self._clock.sleep(self._backoff(failures) if failures else 0.0)
                reason = await self._serve()
                lived = self._session is not None and self._clock.monotonic() - self._session.opened_s > BACKOFF.max_s
                await self._end()
                failures = 1 if lived else failures + 1
                self.reconnects += 1
                RECONNECTS.labels(reason).inc()
                logger.warning("market stream reconnects", extra={"reason": reason, "streams": len(self.streams)})
        finally:
            await self._end()

    async def _serve(self) -> str:
        """Open a connection and serve it, replaced when it is old, until it fails; answers why it did."""
        self._session = await self._open()
        if self._session is None:
            return "error"
        self._repair([stream for stream in self.streams if stream in self._session.streams])
        while True:
            session = self._session
            await self._match()  # what changed while it was being opened
            await asyncio.wait({session.reading}, timeout=LOOK_EVERY_S)
            for repair in [task for task in self._repairs if task.done()]:
                self._repairs.discard(repair)
                repair.result()
            now = self._clock.monotonic()
            if session.reading.done():
                if not session.reading.cancelled():
                    session.reading.result()
                return "closed"
            if self.streams and now - session.last_frame_s > self._silence_s_max:
                return "silence"
            if session.ends_soon or now - session.opened_s > self._life_s:
                await self._replace(session)

    async def _replace(self, old: _Session) -> None:
        """A new connection takes over while the old one still delivers: nothing is missed, what comes twice is known
        twice.
        """
        new = await self._open()
        if new is None:
            old.opened_s += BACKOFF.max_s  # the old one goes on; tried again later
            old.ends_soon = False
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(OVERLAP_S_MAX):
                await new.spoke.wait()
        self._session = new
        self._frames_before += old.frames
        self.rotations += 1
        RECONNECTS.labels("rotation").inc()
        await old.close()

    async def _open(self) -> _Session | None:
        await self._attempts.take()
        streams = list(self.streams)
        url = f"{self._base_url}/stream?streams={'/'.join(streams)}"
        try:
            socket = await self._connect(
                url,
                proxy=websocket_proxy(url),
                open_timeout=10,
                ping_interval=20,
                ping_timeout=20,
                close_timeout=1,
                max_size=FRAME_BYTES_MAX,
                max_queue=FRAMES_WAITING_MAX,
                compression=None,
            )
        except (WebSocketException, OSError, TimeoutError) as error:
            logger.warning("market stream failed", extra={"reason": f"{type(error).__name__}: {error}"})
            return None
        return _Session(socket, streams, self._on_frame, self._clock)

    async def _end(self) -> None:
        for repair in self._repairs:
            repair.cancel()
        self._repairs.clear()
        session, self._session = self._session, None
        if session is not None:
            self._frames_before += session.frames
            await session.close()

    def _backoff(self, failures: int) -> float:
        """Exponential with jitter, so that many clients do not come back at the same moment."""
        ceiling = BACKOFF.after(failures)
        return self._jitter.uniform(0.1 * ceiling, ceiling)

    def _repair(self, streams: Sequence[str]) -> None:
        if streams:
            self._repairs.add(asyncio.create_task(_awaited(self._on_connect(streams))))

    # Changes at run time

    async def change(self, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove streams; a connection that does not take them is opened anew with those that are left."""
        for stream in remove:
            self.streams.pop(stream, None)
        self.streams |= dict.fromkeys(add)
        await self._match()

    async def renew(self, streams: Sequence[str]) -> None:
        """Subscribe again to streams that went silent."""
        session = self._session
        if session is None:
            return  # the next connection has them
        async with self._matching:
            silent = [stream for stream in streams if stream in session.streams]
            for method in ("UNSUBSCRIBE", "SUBSCRIBE"):
                if not await self._command(session, method, silent):
                    return
            self._repair(silent)

    async def _match(self) -> None:
        """Subscribe the open connection to what is wanted now, and to nothing else."""
        session = self._session
        if session is None or session.streams == self.streams.keys():
            return
        async with self._matching:
            gone = [stream for stream in session.streams if stream not in self.streams]
            if gone and not await self._command(session, "UNSUBSCRIBE", gone):
                return
            session.streams.difference_update(gone)
            new = [stream for stream in self.streams if stream not in session.streams]
            if new and await self._command(session, "SUBSCRIBE", new):
                session.streams.update(new)
                self._repair(new)

    async def _command(self, session: _Session, method: str, streams: Sequence[str]) -> bool:
        """True when it was carried out; else the connection ends, and the next is opened with what is wanted then."""
        try:
            await session.command(method, streams)
        except (OSError, TimeoutError) as error:
            logger.warning("market stream command failed", extra={"method": method, "reason": str(error)})
            session.reading.cancel()
            return False
        return True


async def _awaited(work: Awaitable[None]) -> None:
    await work
