"""What an account is told of its orders and balances, field by field as Binance sends it. Times are ms times ``unit``
(1, or 1000 for microseconds)."""

from decimal import Decimal

from simulator.api.json_object import JsonObject
from simulator.engine.events import (
    AccountEvent,
    BalanceEvent,
    Event,
    ExternalLockEvent,
    ListEvent,
    OrderEvent,
)
from simulator.engine.numbers import ZERO, fixed, notional
from simulator.engine.orders import OPEN_STATUSES, EngineOrder, ExpiryReason


def execution_report(event: OrderEvent, now_ms: int, unit: int = 1) -> JsonObject:
    """An executionReport; fields that apply to few orders come last and only when they apply."""
    order = event.order
    report: JsonObject = {
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


def _order_extras(order: EngineOrder, unit: int) -> JsonObject:
    extras: JsonObject = {}
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


def _prevention_extras(event: OrderEvent) -> JsonObject:
    if event.prevented_match_id is None:
        return {}
    extras: JsonObject = {"v": event.prevented_match_id}
    amounts = (
        ("A", event.prevented_quantity),
        ("B", event.last_prevented_quantity),
    )
    extras.update({key: fixed(amount) for key, amount in amounts if amount is not None})
    numbers = (("u", event.trade_group_id), ("U", event.counter_order_id), ("Cs", event.counter_symbol))
    extras.update({key: value for key, value in numbers if value is not None})
    if event.last_prevented_quantity is not None:
        # what would have traded; l, L and Y stay 0 because nothing did
        quantity, price = event.prevented_execution, event.prevented_price
        extras.update({"pl": fixed(quantity), "pL": fixed(price), "pY": fixed(notional(price, quantity))})
    return extras


def account_position(event: AccountEvent, now_ms: int, unit: int = 1) -> JsonObject:
    return {
        "e": "outboundAccountPosition",
        "E": now_ms * unit,
        "u": event.time * unit,
        "B": [{"a": asset, "f": fixed(free), "l": fixed(locked)} for asset, free, locked in event.balances],
    }


def balance_update(event: BalanceEvent | ExternalLockEvent, now_ms: int, unit: int = 1) -> JsonObject:
    """A balanceUpdate or an externalLockUpdate: they have the same fields."""
    return {
        "e": "balanceUpdate" if isinstance(event, BalanceEvent) else "externalLockUpdate",
        "E": now_ms * unit,
        "a": event.asset,
        "d": fixed(Decimal(event.delta)),
        "T": event.time * unit,
    }


def list_status(event: ListEvent, now_ms: int, unit: int = 1) -> JsonObject:
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


def user_payload(event: Event, now_ms: int, unit: int = 1) -> JsonObject | None:
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
