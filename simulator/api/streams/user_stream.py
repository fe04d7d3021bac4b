"""Who listens to which account on which connection.

Events reach the client wrapped as ``{"subscriptionId": n, "event": {...}}`` (WebSocket API; listenKeys no longer
exist).
"""

from collections.abc import Callable

from simulator.api.faults.rules import Faults
from simulator.api.payloads.user import user_payload
from simulator.api.streams.hub import Connection, render
from simulator.engine.errors import ApiError
from simulator.engine.events import (
    Event,
    OrderEvent,
)

SUBSCRIPTIONS_MAX = 1_000
SUBSCRIPTION_IDS_MAX = 65_535


class UserStreams:
    """Subscriptions to accounts: at most one per account and connection, numbered per connection from 0."""

    def __init__(self, faults: Faults, now_ms: Callable[[], int]) -> None:
        self._faults = faults
        self._now_ms = now_ms
        self._listeners: dict[str, dict[Connection, int]] = {}
        self._next_id: dict[Connection, int] = {}
        self._open: dict[Connection, Callable[[], None]] = {}

    def join(self, connection: Connection, revoked: Callable[[], None]) -> None:
        """A WebSocket API connection was opened; ``revoked`` is called when the key it logged on with is gone."""
        self._open[connection] = revoked

    def everyone(self) -> list[Connection]:
        """Every open WebSocket API connection, whether it listens to an account or not."""
        return list(self._open)

    def revoke(self) -> None:
        """All keys were replaced: sessions that logged on with one end."""
        for revoked in list(self._open.values()):
            revoked()

    def subscribe(self, connection: Connection, account: str) -> int:
        """Listen to an account; returns the subscription's id.

        Raises ApiError -2035 when this connection listens already, -2042 when it has used all ids.
        """
        listeners = self._listeners.setdefault(account, {})
        if connection in listeners:
            raise ApiError(-2035, "User Data Stream subscription already active.")
        number = self._next_id.get(connection, 0)
        active = sum(connection in others for others in self._listeners.values())
        if number > SUBSCRIPTION_IDS_MAX or active >= SUBSCRIPTIONS_MAX:
            raise ApiError(-2042, "Maximum subscription ID reached for this connection.")
        self._next_id[connection] = number + 1
        listeners[connection] = number
        return number

    def subscriptions(self, connection: Connection) -> list[int]:
        """Ids of the connection's active subscriptions."""
        return sorted(listeners[connection] for listeners in self._listeners.values() if connection in listeners)

    def unsubscribe(self, connection: Connection, number: int | None = None) -> None:
        """End one subscription, or all of the connection, telling the client with eventStreamTerminated.

        Raises ApiError -2036 when there is nothing to end.
        """
        ended = False
        for account, listeners in list(self._listeners.items()):
            found = listeners.get(connection)
            if found is None or (number is not None and found != number):
                continue
            del listeners[connection]
            if not listeners:
                del self._listeners[account]
            ended = True
            self._terminated(connection, found)
        if not ended:
            raise ApiError(-2036, "User Data Stream subscription not active.")

    def end(self, connection: Connection, number: int) -> None:
        """End a subscription if it is still active."""
        if number in self.subscriptions(connection):
            self.unsubscribe(connection, number)

    def _terminated(self, connection: Connection, number: int) -> None:
        event = {"e": "eventStreamTerminated", "E": self._now_ms() * connection.unit}
        connection.put(render({"subscriptionId": number, "event": event}))

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._next_id.pop(connection, None)
        self._open.pop(connection, None)
        for account, listeners in list(self._listeners.items()):
            listeners.pop(connection, None)
            if not listeners:
                del self._listeners[account]

    def publish(self, account: str, event: Event) -> None:
        """Tell everyone who listens to the account."""
        listeners = self._listeners.get(account)
        if not listeners:
            return
        now_ms = self._now_ms()
        symbol = event.order.symbol if isinstance(event, OrderEvent) else None
        for connection, number in list(listeners.items()):
            payload = user_payload(event, now_ms, connection.unit)
            if payload is None:
                return
            text = render({"subscriptionId": number, "event": payload})
            if self._faults.touches_streams:
                connection.deliver(text, self._faults.stream("user", symbol, account))
            else:
                connection.put(text)

    def connections(self) -> list[Connection]:
        """Every connection that listens to an account."""
        return list({connection: None for listeners in self._listeners.values() for connection in listeners})
