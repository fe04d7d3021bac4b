"""What is one for every exchange that answers signed calls and tells events, over HTTP or in this process."""

from __future__ import annotations

from typing import Any

from core.positions.model import Order
from core.positions.protection import Protection
from core.positions.repeats import WINDOW_MS, is_repeatable
from shared.src.domain.errors import ContractError
from shared.src.domain.money import wire
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.account import AccountData, OrderCalls
from shared.src.exchange.calls import SignedCalls
from shared.src.exchange.models import (
    AccountSnapshot,
    Commission,
    ExchangeFill,
    ExchangeOrder,
    OddRow,
    OrderReport,
    Replacement,
    odd_row,
    parse_balances,
    parse_execution_report,
)
from trader.src.ports import Listener


class RestExchange:
    """The calls of the port that are signed REST calls, wherever they are answered."""

    def __init__(self, calls: SignedCalls) -> None:
        self._odd: list[OddRow] = []
        self._account = AccountData(calls, self._odd.append)
        self._orders = OrderCalls(calls)

    async def place(self, order: Order) -> OrderReport:
        return await self._orders.create_order(_placement(order))

    async def replace(self, old: Order, new: Order) -> Replacement:
        only_new = {} if old.executed_quantity else {"cancelRestrictions": "ONLY_NEW"}
        return await self._orders.cancel_replace(_placement(new) | only_new, old.client_order_id)

    async def place_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> list[OrderReport]:
        params = {
            "symbol": stop.symbol,
            "side": stop.side.value,
            "quantity": wire(stop.quantity),
            "listClientOrderId": list_client_id,
        }
        return await self._orders.create_oco(params | _leg("above", take_profit) | _leg("below", stop) | _window(stop))

    async def place_entry_list(self, entry: Order, exits: Protection) -> list[OrderReport]:
        params = {"symbol": entry.symbol, "listClientOrderId": exits.list_id, "pendingSide": Side.SELL.value}
        params |= _leg("working", entry) | {"workingSide": entry.side.value, "workingQuantity": wire(entry.quantity)}
        params |= _leg("pendingBelow", exits.stop)
        if exits.target is not None:
            params |= _leg("pendingAbove", exits.target)
        return await self._orders.create_opoco(params)

    async def cancel(self, order: Order) -> list[ExchangeOrder]:
        if order.order_list_id is not None:
            return await self._orders.cancel_order_list(order.symbol, order.order_list_id)
        return [await self._orders.cancel_order(order.symbol, order.client_order_id)]

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        return await self._account.order(symbol, client_order_id)

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder:
        return await self._account.order_by_id(symbol, order_id)

    async def open_orders(self, symbol: str = "") -> list[ExchangeOrder]:
        return await self._account.open_orders(symbol)

    def odd_rows(self) -> list[OddRow]:
        odd = list(self._odd)
        self._odd.clear()
        return odd

    async def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None
    ) -> list[ExchangeFill]:
        return await self._account.trades(symbol, order_id=order_id, from_id=from_id)

    async def commission(self, symbol: str) -> Commission:
        return await self._account.commission(symbol)

    async def account(self) -> AccountSnapshot:
        return await self._account.account()


async def tell(listener: Listener, event: dict[str, Any]) -> None:
    """Hand an event of the user data stream to whom it concerns; one that cannot be read is told as odd."""
    match event.get("e"):
        case "executionReport":
            try:
                report = parse_execution_report(event)
            except ContractError as error:
                await listener.odd(odd_row(event, str(error), source="order", key="i", symbol="s"))
            else:
                await listener.report(report)
        case "outboundAccountPosition":
            try:
                balances = parse_balances(event.get("B", []), ("a", "f", "l"))
            except ContractError as error:
                await listener.odd(odd_row(event, str(error), source="balance", key="u", symbol="s"))
            else:
                await listener.balances(balances)


def _placement(order: Order) -> dict[str, str]:
    """A single order's parameters, as Binance names them."""
    params = {
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "quantity": wire(order.quantity),
        "newClientOrderId": order.client_order_id,
    }
    return params | _optional(order) | _window(order)


def _window(order: Order) -> dict[str, str]:
    """What protects and got no answer is to be sent again soon: the first request must not turn up much later."""
    return {"recvWindow": str(WINDOW_MS)} if is_repeatable(order) else {}


def _leg(name: str, order: Order) -> dict[str, str]:
    """The parameters of one order of a list, but for its side and quantity."""
    facts = {"type": order.type.value, "clientOrderId": order.client_order_id} | _optional(order)
    return {f"{name}{_upper(field)}": value for field, value in facts.items()}


def _optional(order: Order) -> dict[str, str]:
    """What only some order types have, as Binance names it."""
    fields: dict[str, str] = {}
    if order.time_in_force and order.type not in {OrderType.MARKET, OrderType.LIMIT_MAKER}:
        fields["timeInForce"] = order.time_in_force
    if order.price is not None:
        fields["price"] = wire(order.price)
    if order.stop_price is not None:
        fields["stopPrice"] = wire(order.stop_price)
    if order.trailing_delta is not None:
        fields["trailingDelta"] = str(order.trailing_delta)
    return fields


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]
