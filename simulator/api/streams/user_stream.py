"""The user data stream: what an account is told of its orders and balances, and who listens on which connection.

Events reach the client wrapped as ``{"subscriptionId": n, "event": {...}}`` (WebSocket API; listenKeys no longer
exist).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulator.api.faults import Faults
from simulator.api.streams.hub import Connection, render
from simulator.engine.errors import ApiError
from simulator.engine.events import (
    AccountEvent,
    BalanceEvent,
    Event,
    ExternalLockEvent,
    ListEvent,
    OrderEvent,
)
from simulator.engine.numbers import ZERO, fixed
from simulator.engine.orders import OPEN_STATUSES, EngineOrder, ExpiryReason

Payload = dict[str, Any]
SUBSCRIPTIONS_MAX = 1_000
SUBSCRIPTION_IDS_MAX = 65_535


def execution_report(event: OrderEvent, now_ms: int, unit: int = 1) -> Payload:
    """An executionReport; fields that apply to few orders come last and only when they apply."""
    order = event.order
    report: Payload = {
        "e": "executionReport",
        "E": now_ms * unit,
        "s": order.symbol,
        "c": event.client_order_id,
        "S": order.side.value,
        "o": order.type.value,
        "f": order.time_in_force.value,
        "q": fixed(order.quantity),
        "p": fixed(order.price),
        "P": fixed(order.stop_price or ZERO),
        "F": fixed(order.iceberg or ZERO),
        "g": order.order_list_id,
        "C": event.original_client_order_id,
        "x": event.execution_type,
        "X": order.status.value,
        "r": event.reject_reason,
        "i": order.order_id,
        "l": fixed(event.last_quantity),
        "z": fixed(order.executed),
        "L": fixed(event.last_price),
        "n": fixed(event.commission) if event.commission else "0",
        "N": event.commission_asset,
        "T": event.time * unit,
        "t": event.trade_id,
        "I": event.execution_id,
        "w": order.is_working and order.status in OPEN_STATUSES,
        "m": event.is_maker,
        "M": event.execution_type == "TRADE",
        "O": order.time * unit,
        "Z": fixed(order.cumulative_quote),
        "Y": fixed(event.last_quote),
        "Q": fixed(order.quote_quantity),
    }
    if order.working_time != -1:
        report["W"] = order.working_time * unit
    report["V"] = order.stp.value
    if order.used_sor and event.execution_type == "TRADE":
        # fills through smart order routing are allocations, not trades
        report.update({"t": -1, "b": "ONE_PARTY_TRADE_REPORT", "a": event.trade_id})
    report.update(_order_extras(order, unit))
    report.update(_prevention_extras(event))
    return report


def _order_extras(order: EngineOrder, unit: int) -> Payload:
    extras: Payload = {}
    if order.trailing_delta is not None:
        extras["d"] = order.trailing_delta
    if order.trailing_time != -1:
        extras["D"] = order.trailing_time * unit
    for key, value in (
        ("j", order.strategy_id),
        ("J", order.strategy_type),
        ("k", order.working_floor),
        ("gP", order.peg_price_type),
        ("gOT", order.peg_offset_type),
        ("gOV", order.peg_offset_value),
    ):
        if value is not None:
            extras[key] = value
    if order.used_sor:
        extras["uS"] = True
    if order.pegged_price is not None:
        extras["gp"] = fixed(order.pegged_price)
    if order.expiry_reason is not ExpiryReason.NONE:
        extras["eR"] = order.expiry_reason.value
    return extras


def _prevention_extras(event: OrderEvent) -> Payload:
    if event.prevented_match_id is None:
        return {}
    extras: Payload = {"v": event.prevented_match_id}
    amounts = (
        ("A", event.prevented_quantity),
        ("B", event.last_prevented_quantity),
    )
    extras.update({key: fixed(amount) for key, amount in amounts if amount is not None})
    numbers = (("u", event.trade_group_id), ("U", event.counter_order_id), ("Cs", event.counter_symbol))
    extras.update({key: value for key, value in numbers if value is not None})
    if event.last_prevented_quantity is not None:
        # what would have traded; l, L and Y stay 0 because nothing did
        price = event.prevented_price
        quote = event.last_prevented_quantity * price
        extras.update({"pl": fixed(event.last_prevented_quantity), "pL": fixed(price), "pY": fixed(quote)})
    return extras


def account_position(event: AccountEvent, now_ms: int, unit: int = 1) -> Payload:
    return {
        "e": "outboundAccountPosition",
        "E": now_ms * unit,
        "u": event.time * unit,
        "B": [{"a": asset, "f": fixed(free), "l": fixed(locked)} for asset, free, locked in event.balances],
    }


def balance_update(event: BalanceEvent | ExternalLockEvent, now_ms: int, unit: int = 1) -> Payload:
    """A balanceUpdate or an externalLockUpdate: they have the same fields."""
    return {
        "e": "balanceUpdate" if isinstance(event, BalanceEvent) else "externalLockUpdate",
        "E": now_ms * unit,
        "a": event.asset,
        "d": fixed(Decimal(event.delta)),
        "T": event.time * unit,
    }


def list_status(event: ListEvent, now_ms: int, unit: int = 1) -> Payload:
    orders = event.order_list
    return {
        "e": "listStatus",
        "E": now_ms * unit,
        "s": orders.symbol,
        "g": orders.list_id,
        "c": orders.kind.contingency,
        "l": orders.status_type,
        "L": orders.order_status,
        "r": event.reject_reason,
        "C": orders.client_order_id,
        "T": event.time * unit,
        "O": [
            {"s": orders.symbol, "i": order_id, "c": client_order_id}
            for order_id, client_order_id in zip(orders.order_ids, orders.client_order_ids, strict=True)
        ],
    }


def user_payload(event: Event, now_ms: int, unit: int = 1) -> Payload | None:
    """The body of an account's event; None for a public one."""
    match event:
        case OrderEvent():
            return execution_report(event, now_ms, unit)
        case AccountEvent():
            return account_position(event, now_ms, unit)
        case BalanceEvent() | ExternalLockEvent():
            return balance_update(event, now_ms, unit)
        case ListEvent():
            return list_status(event, now_ms, unit)
        case _:
            return None


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
