"""The fan-out of messages, and its limits."""

from __future__ import annotations

import asyncio

import pytest

from simulator.api.faults.rules import Faults
from simulator.api.streams.hub import OUTBOX_BYTES, OUTBOX_MESSAGES, Connection, Hub


def taken(connection: Connection) -> list[str]:
    return asyncio.run(connection.take())


def test_a_message_is_made_once_however_many_listen() -> None:
    hub = Hub(Faults())
    made: list[int] = []
    listeners = [Connection() for _ in range(5)] + [Connection(combined=True)]
    for listener in listeners:
        hub.join(listener)
        hub.subscribe(listener, ["a@trade"])

    def build(unit: int) -> dict[str, int]:
        made.append(unit)
        return {"x": 1}

    hub.publish("a@trade", build)

    assert len(made) == 2
    assert taken(listeners[0]) == ['{"x":1}']
    assert taken(listeners[-1]) == ['{"stream":"a@trade","data":{"x":1}}']


def test_nothing_is_made_when_nobody_listens() -> None:
    hub = Hub(Faults())
    left = Connection()
    hub.join(left)
    hub.subscribe(left, ["a@trade"])
    hub.leave(left)

    hub.publish("a@trade", lambda unit: pytest.fail("nobody asked for this"))

    assert hub.names() == []


@pytest.mark.parametrize(("text", "count"), [("x", OUTBOX_MESSAGES + 1), ("x" * (OUTBOX_BYTES // 4), 5)])
def test_who_does_not_read_is_given_up(text: str, count: int) -> None:
    connection = Connection()
    for _ in range(count):
        connection.put(text)

    assert connection.close_code == 1008
    connection.put("more")
    assert taken(connection) == []
