"""Who listens to what: connections, their bounded outboxes, and the fan-out of a message to its listeners.

A connection that does not read is closed once its outbox holds more than ``OUTBOX_MESSAGES`` messages or
``OUTBOX_BYTES`` bytes: the twin's memory never depends on its clients.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from simulator.api.faults.rules import Faults, StreamFault

OUTBOX_MESSAGES = 20_000
OUTBOX_BYTES = 16 * 1024 * 1024
# Binance's close code for clients that break a rule, and for a server that goes away
POLICY_VIOLATION = 1008
GOING_AWAY = 1001


def render(payload: Any) -> str:
    """A message as text."""
    return orjson.dumps(payload).decode()


def wrapped(name: str, text: str) -> str:
    """A message as combined streams carry it."""
    return f'{{"stream":{render(name)},"data":{text}}}'


class Connection:
    """One WebSocket client: its outbox and what it asked for."""

    def __init__(self, *, combined: bool = False, unit: int = 1, outbox: int = OUTBOX_MESSAGES) -> None:
        self._most = outbox
        self.combined = combined
        self.unit = unit
        self.streams: dict[str, None] = {}
        self.close_code: int | None = None
        self.close_reason = ""
        self._outbox: deque[str] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._held: list[str] = []

    def put(self, text: str) -> None:
        """Queue a message, or give the connection up when it does not read what it gets."""
        if self.close_code is not None:
            return
        # what was held back to swap places follows the message that overtook it
        for each in (text, *self._held):
            self._outbox.append(each)
            self._bytes += len(each)
        self._held.clear()
        if len(self._outbox) > self._most or self._bytes > OUTBOX_BYTES:
            self._outbox.clear()
            self.close(POLICY_VIOLATION, "too slow: messages pile up")
            return
        self._wake.set()

    def close(self, code: int, reason: str = "") -> None:
        """Ask the sender to close the connection once the outbox is sent."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._closing.set()
        self._wake.set()

    async def wait_closed(self) -> None:
        """Wait until someone asks for the end of the connection."""
        await self._closing.wait()

    async def take(self) -> list[str]:
        """Wait for messages and take them all; an empty list means the connection is to be closed."""
        while not self._outbox and self.close_code is None:
            self._wake.clear()
            await self._wake.wait()
        taken = list(self._outbox)
        self._outbox.clear()
        self._bytes = 0
        return taken

    def deliver(self, text: str, fault: StreamFault | None) -> None:
        """Queue a message under a fault: dropped, doubled, swapped with the next, late, or as it is."""
        if fault is None:
            self.put(text)
        elif fault.kind == "drop":
            return
        elif fault.kind == "duplicate":
            self.put(text)
            self.put(text)
        elif fault.kind == "reorder":
            self._held.append(text)
        elif fault.kind == "delay":
            asyncio.get_running_loop().call_later(fault.delay_s, self.put, text)
        elif fault.kind == "disconnect":
            self.close(GOING_AWAY, "")


Build = Callable[[int], Any]


class Hub:
    """Subscriptions by stream name. ``publish`` renders a message once per time unit, however many listen.

    ``opened`` is called with every name that gets its first listener.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._listeners: dict[str, dict[Connection, None]] = {}
        self.opened: Callable[[str], None] = lambda name: None
        self.connections: dict[Connection, None] = {}
        self.published = 0

    def join(self, connection: Connection) -> None:
        self.connections[connection] = None

    def leave(self, connection: Connection) -> None:
        """Forget a connection and all it listened to."""
        self.connections.pop(connection, None)
        self.unsubscribe(connection, list(connection.streams))

    def subscribe(self, connection: Connection, names: Iterable[str]) -> None:
        for name in names:
            connection.streams[name] = None
            listeners = self._listeners.setdefault(name, {})
            if not listeners:
                self.opened(name)
            listeners[connection] = None

    def unsubscribe(self, connection: Connection, names: Iterable[str]) -> None:
        for name in names:
            connection.streams.pop(name, None)
            listeners = self._listeners.get(name)
            if listeners is not None:
                listeners.pop(connection, None)
                if not listeners:
                    del self._listeners[name]

    def has(self, name: str) -> bool:
        """True if anyone listens to the stream."""
        return name in self._listeners

    def names(self) -> list[str]:
        """Every stream that someone listens to."""
        return list(self._listeners)

    def publish(self, name: str, build: Build, *, symbol: str | None = None) -> None:
        """Send ``build(unit)`` to whoever listens to ``name``."""
        listeners = self._listeners.get(name)
        if not listeners:
            return
        texts: dict[tuple[int, bool], str] = {}
        under_fault = self._faults.touches_streams
        for connection in list(listeners):
            key = (connection.unit, connection.combined)
            text = texts.get(key)
            if text is None:
                text = render(build(connection.unit))
                if connection.combined:
                    text = wrapped(name, text)
                texts[key] = text
            self.published += 1
            if under_fault:
                connection.deliver(text, self._faults.stream(name, symbol, None))
            else:
                connection.put(text)

    def broadcast(self, name: str, build: Build) -> None:
        """Send an event to every market stream connection (serverShutdown)."""
        for connection in list(self.connections):
            text = render(build(connection.unit))
            connection.put(wrapped(name, text) if connection.combined else text)

    def close_all(self, code: int = GOING_AWAY, reason: str = "") -> int:
        """Close every market stream connection; returns how many."""
        for connection in list(self.connections):
            connection.close(code, reason)
        return len(self.connections)
