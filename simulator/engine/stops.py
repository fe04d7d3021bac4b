"""Stop orders that wait for a price: which fire at a trade, trailing ones included."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import inf

from sortedcontainers import SortedList

from simulator.engine.numbers import BASIS_POINTS, multiply
from simulator.engine.orders import STOP_LOSS_TYPES, EngineOrder

# Price and order id.
_Key = tuple[Decimal, float]


def fires_above(order: EngineOrder) -> bool:
    """True if the stop price stands above the market: STOP_LOSS BUY and TAKE_PROFIT SELL."""
    return (order.type in STOP_LOSS_TYPES) == order.is_buy


def is_met(order: EngineOrder, price: Decimal) -> bool:
    """True if a trade at ``price`` meets the stop price."""
    if order.stop_price is None:
        return True
    return price >= order.stop_price if fires_above(order) else price <= order.stop_price


def start_tracking(order: EngineOrder, last_price: Decimal | None, now_ms: int) -> None:
    """Let a trailing stop without a stop price measure from the last trade before it (trailing stop FAQ, E)."""
    if order.trailing_delta is not None and order.stop_price is None and last_price is not None:
        order.trailing_extreme, order.trailing_time = last_price, now_ms


class Stops:
    """Waiting stop orders of one symbol; plain stops in two sorted lists, trailing ones visited on each trade."""

    def __init__(self) -> None:
        self._above: SortedList[_Key] = SortedList()
        self._below: SortedList[_Key] = SortedList()
        self._orders: dict[float, EngineOrder] = {}
        self._trailing: dict[int, EngineOrder] = {}

    def __contains__(self, order: EngineOrder) -> bool:
        return order.order_id in self._orders or order.order_id in self._trailing

    def add(self, order: EngineOrder) -> None:
        if order.trailing_delta is not None:
            self._trailing[order.order_id] = order
            return
        self._orders[order.order_id] = order
        (self._above if fires_above(order) else self._below).add(self._key(order))

    def remove(self, order: EngineOrder) -> None:
        if self._trailing.pop(order.order_id, None) is not None:
            return
        del self._orders[order.order_id]
        (self._above if fires_above(order) else self._below).remove(self._key(order))

    def trailing(self) -> Iterable[EngineOrder]:
        """The orders whose extreme price moves with the market."""
        return self._trailing.values()

    def falling(self) -> list[Decimal]:
        """The prices at which a falling market fires orders, the first to be reached first; none of trailing ones."""
        return [price for price, _ in reversed(self._below)]

    @staticmethod
    def _key(order: EngineOrder) -> _Key:
        assert order.stop_price is not None
        return order.stop_price, order.order_id

    def on_trade(self, price: Decimal, now_ms: int) -> list[EngineOrder]:
        """Take out and return, oldest first, the orders that a trade at ``price`` fires."""
        fired: list[EngineOrder] = []
        if self._above and self._above[0][0] <= price:
            count = self._above.bisect_right((price, inf))
            fired += [self._orders.pop(order_id) for _, order_id in self._above[:count]]
            del self._above[:count]
        if self._below and self._below[-1][0] >= price:
            start = self._below.bisect_left((price, -inf))
            fired += [self._orders.pop(order_id) for _, order_id in self._below[start:]]
            del self._below[start:]
        if self._trailing:
            trailing = [order for order in self._trailing.values() if self._trail(order, price, now_ms)]
            for order in trailing:
                del self._trailing[order.order_id]
            fired += trailing
        if len(fired) > 1:
            fired.sort(key=lambda order: order.order_id)
        return fired

    @staticmethod
    def _trail(order: EngineOrder, price: Decimal, now_ms: int) -> bool:
        """Follow one trade; True if the order fires (trailing stop FAQ of the exchange)."""
        extreme = order.trailing_extreme
        if extreme is None:
            # waits for its stop price, or for the first trade of a market that had none
            if is_met(order, price):
                order.trailing_extreme, order.trailing_time = price, now_ms
            return False
        assert order.trailing_delta is not None
        delta = order.trailing_delta / BASIS_POINTS
        if order.is_buy:
            order.trailing_extreme = extreme = min(extreme, price)
            return price >= multiply(extreme, 1 + delta)
        order.trailing_extreme = extreme = max(extreme, price)
        return price <= multiply(extreme, 1 - delta)
