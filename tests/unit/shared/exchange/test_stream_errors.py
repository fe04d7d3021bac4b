"""Whatever the WebSocket library raises, a stream survives it and connects again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets import exceptions
from websockets.asyncio.client import ClientConnection

from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.domain.errors import TransientError
from shared.src.exchange.connections import ConnectionBudget
from shared.src.exchange.stream_connection import AttemptBudget, StreamConnection
from shared.src.exchange.user_stream import UserStream
from shared.src.exchange.weights import WeightBudget

KINDS = sorted(
    (kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    key=lambda kind: kind.__name__,
)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


class EnoughError(Exception):
    """Ends the test: a stream itself never ends."""


def raised(kind: type[Exception]) -> Exception:
    """One of a kind; what its constructor asks for is of no interest here."""
    plain = type(kind.__name__, (kind,), {"__init__": Exception.__init__, "__str__": Exception.__str__})
    error: Exception = plain("broken")
    return error


class Line:
    """Fails twice in one way, then ends the test."""

    def __init__(self, kind: type[Exception]) -> None:
        self._kind = kind
        self.attempts = 0

    async def connect(self, url: str, **_: Any) -> ClientConnection:
        self.attempts += 1
        raise raised(self._kind) if self.attempts < 3 else EnoughError(url)

    @asynccontextmanager
    async def connected(self, url: str, **_: Any) -> AsyncIterator[ClientConnection]:
        yield await self.connect(url)


async def nothing(*_: Any) -> None:
    pass


@every_kind
async def test_the_stream_of_the_account(kind: type[Exception]) -> None:
    line = Line(kind)
    stream = UserStream(load_settings(), ManualClock(), on_event=nothing, on_connected=nothing, connect=line.connected)
    with pytest.raises(EnoughError):
        async with asyncio.timeout(60):
            await stream.run()
    assert not stream.connected
    assert stream.reason.startswith(kind.__name__)


@every_kind
async def test_a_stream_of_the_market(kind: type[Exception]) -> None:
    clock, line = ManualClock(), Line(kind)
    stream = StreamConnection(
        "ws://exchange",
        ["btcusdc@kline_1m"],
        clock=clock,
        on_frame=nothing,
        on_connect=nothing,
        attempts=AttemptBudget(clock),
        silence_s_max=15,
        life_s=3600,
        jitter=random.Random(1),
        connect=line.connect,
    )
    with pytest.raises(EnoughError):
        async with asyncio.timeout(60):
            await stream.run()
    assert stream.reconnects == 2


class Flapping:
    """Connects each time, and breaks at once or after a minute."""

    def __init__(self, clock: ManualClock, *, lives_s: float) -> None:
        self.clock = clock
        self.lives_s = lives_s
        self.at_s: list[float] = []

    async def may_connect(self) -> None:
        self.at_s.append(self.clock.monotonic())
        if len(self.at_s) > 12:
            raise EnoughError

    @asynccontextmanager
    async def connected(self, url: str, **_: Any) -> AsyncIterator[ClientConnection]:
        self.clock.advance(self.lives_s)
        raise OSError("broken")
        yield


@pytest.mark.parametrize(("lives_s", "at_most_s", "at_least_s"), [(0.1, 200, 60), (60, 12 * 61, 12 * 60)])
async def test_a_stream_that_flaps_is_not_connected_all_the_time(
    lives_s: float, at_most_s: float, at_least_s: float
) -> None:
    clock = ManualClock()
    line = Flapping(clock, lives_s=lives_s)
    stream = UserStream(
        load_settings(),
        clock,
        on_event=nothing,
        on_connected=nothing,
        connect=line.connected,
        may_connect=line.may_connect,
    )
    with pytest.raises(EnoughError):
        await stream.run()
    took_s = line.at_s[-1] - line.at_s[0]
    assert at_least_s <= took_s <= at_most_s


async def test_a_banned_address_connects_no_stream() -> None:
    weights = WeightBudget(None)
    budget = ConnectionBudget(None, weights, limit=2)
    await budget.take()
    await weights.block(30)
    with pytest.raises(TransientError, match="refuses calls"):
        await budget.take()


async def test_connections_are_counted_before_the_exchange_counts_them() -> None:
    budget = ConnectionBudget(None, WeightBudget(None), limit=2)
    await budget.take()
    await budget.take()
    with pytest.raises(TransientError, match="2 connections in five minutes"):
        await budget.take()
