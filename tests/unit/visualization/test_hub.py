"""The hub: who reads what, and what happens to those who cannot keep up."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.memory.manual_clock import ManualClock
from visualization.src.websocket import CHANNELS_MAX, CLIENTS_MAX, QUEUE_MAX, Client, ClientHub, is_same_origin


def frames(client: Client) -> list[dict[str, Any]]:
    """What waits for the client, taken out."""
    found = []
    while not client.queue.empty():
        found.append(orjson.loads(client.queue.get_nowait()))
    return found


def joined(hub: ClientHub) -> Client:
    client = hub.join()
    assert client is not None
    frames(client)
    return client


async def subscribe(hub: ClientHub, client: Client, channel: str) -> None:
    await hub.command(client, orjson.dumps({"action": "subscribe", "channel": channel}).decode())


@pytest.fixture
def hub() -> ClientHub:
    return ClientHub(ManualClock(), speed=60)


def test_a_new_client_is_told_the_market_time_and_its_speed(hub: ClientHub) -> None:
    client = hub.join()
    assert client is not None
    hello, beat = frames(client)
    assert hello["type"] == "connection"
    assert (beat["type"], beat["data"]) == ("heartbeat", {"market_ms": 1767225600000, "speed": 60})


async def test_only_readers_of_a_channel_get_its_updates(hub: ClientHub) -> None:
    reader, other = joined(hub), joined(hub)
    await subscribe(hub, reader, "trades")
    hub.publish("trades", {"symbol": "BTCUSDC"})
    assert [(frame["type"], frame["channel"]) for frame in frames(reader)] == [
        ("subscription", "trades"),
        ("update", "trades"),
    ]
    assert frames(other) == []


async def test_the_first_reader_of_a_channel_wakes_its_feed_once(hub: ClientHub) -> None:
    woken: list[str] = []

    async def watch(channel: str) -> None:
        woken.append(channel)

    hub.on_first_reader(watch)
    first, second = joined(hub), joined(hub)
    await subscribe(hub, first, "market:BTCUSDC:5m")
    await subscribe(hub, second, "market:BTCUSDC:5m")
    assert woken == ["market:BTCUSDC:5m"]
    hub.leave(first)
    assert hub.has_readers("market:BTCUSDC:5m")
    hub.leave(second)
    assert not hub.has_readers("market:BTCUSDC:5m")
    assert hub.channels == {}


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("nonsense", "a command is JSON"),
        ("[]", "a command is a JSON object"),
        ('{"action":"subscribe","channel":"secrets"}', "no channel"),
        ('{"action":"subscribe","channel":"market:btc:1m"}', "no channel"),
        ('{"action":"subscribe","channel":7}', "no channel"),
        ('{"action":"shout","channel":"trades"}', "no action"),
        (" " * 2000, "at most"),
    ],
)
async def test_a_command_that_makes_no_sense_is_answered_with_the_reason(
    hub: ClientHub, command: str, problem: str
) -> None:
    client = joined(hub)
    await hub.command(client, command)
    (frame,) = frames(client)
    assert frame["type"] == "error"
    assert problem in frame["data"]["detail"]


async def test_a_slow_client_is_let_go_and_holds_up_nobody(hub: ClientHub) -> None:
    slow, quick = joined(hub), joined(hub)
    for client in (slow, quick):
        await subscribe(hub, client, "trades")
    received = 0
    for number in range(QUEUE_MAX + 10):
        hub.publish("trades", number)
        received += len(frames(quick))
    assert slow.too_slow.is_set()
    assert slow.queue.qsize() == QUEUE_MAX
    assert not quick.too_slow.is_set()
    assert received == QUEUE_MAX + 11


async def test_clients_and_their_channels_are_bounded(hub: ClientHub) -> None:
    client = joined(hub)
    for number in range(CHANNELS_MAX + 1):
        frames(client)
        await subscribe(hub, client, f"ticker:A{number:03}")
    assert "at most" in frames(client)[-1]["data"]["detail"]
    for _ in range(CLIENTS_MAX - 1):
        joined(hub)
    assert hub.join() is None


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "127.0.0.1:5009", True),
        ("http://127.0.0.1:5009", "127.0.0.1:5009", True),
        ("https://bot.example.org", "bot.example.org", True),
        ("https://evil.example", "127.0.0.1:5009", False),
        ("null", "127.0.0.1:5009", False),
    ],
)
def test_pages_of_other_sites_may_not_listen(origin: str | None, host: str, allowed: bool) -> None:
    assert is_same_origin(origin, host) is allowed
