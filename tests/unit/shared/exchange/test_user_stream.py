"""Whatever the WebSocket library raises, the stream of the account survives it and connects again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets import exceptions
from websockets.asyncio.client import ClientConnection

from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.exchange.user_stream import UserStream

KINDS = sorted(
    (kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    key=lambda kind: kind.__name__,
)


class EnoughError(Exception):
    """Ends the test: the stream itself never ends."""


def raised(kind: type[Exception]) -> Exception:
    """One of a kind; what its constructor asks for is of no interest here."""
    plain = type(kind.__name__, (kind,), {"__init__": Exception.__init__, "__str__": Exception.__str__})
    error: Exception = plain("broken")
    return error


async def nothing(*_: Any) -> None:
    pass


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_no_exception_of_websockets_ends_it(kind: type[Exception]) -> None:
    attempts: list[str] = []

    @asynccontextmanager
    async def connect(url: str, **_: Any) -> AsyncIterator[ClientConnection]:
        attempts.append(url)
        if len(attempts) == 3:
            raise EnoughError
        raise raised(kind)
        yield

    stream = UserStream(load_settings(), ManualClock(), on_event=nothing, on_connected=nothing, connect=connect)
    with pytest.raises(EnoughError):
        async with asyncio.timeout(60):
            await stream.run()
    assert not stream.connected
    assert stream.reason.startswith(kind.__name__)
