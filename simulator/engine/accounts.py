"""Accounts: balances (free and locked), commission rates, and the indexes by which orders are found."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.engine.numbers import ZERO
from simulator.engine.orders import Amendment, EngineFill, EngineOrder, OrderList, PreventedMatch

DEFAULT_DISCOUNT = Decimal("0.75")
# About 80 MB for an account that has filled all of it.
HISTORY = 20_000


@dataclass(slots=True)
class Holding:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Rates:
    """Commission rates as fractions: 0.001 is 0.1 %."""

    maker: Decimal = ZERO
    taker: Decimal = ZERO
    buyer: Decimal = ZERO
    seller: Decimal = ZERO

    def rate(self, *, is_maker: bool, is_buyer: bool) -> Decimal:
        return (self.maker if is_maker else self.taker) + (self.buyer if is_buyer else self.seller)


NO_RATES = Rates()


@dataclass(frozen=True, slots=True)
class Commissions:
    """What an account pays on a symbol: three components, only the standard one discounted."""

    standard: Rates
    special: Rates = NO_RATES
    tax: Rates = NO_RATES


@dataclass
class Account:
    """One trading account. What is open is kept whole; of what is done, the newest ``history`` of each kind: orders
    that traded, orders that did not, lists, trades, amendments, prevented matches."""

    name: str
    uid: int
    commissions: Commissions
    trade_group_id: int = -1
    bnb_discount: bool = False
    discount: Decimal = DEFAULT_DISCOUNT
    symbol_commissions: dict[str, Commissions] = field(default_factory=dict)
    can_trade: bool = True
    can_withdraw: bool = False
    update_time: int = 0
    max_assets: dict[str, Decimal] = field(default_factory=dict)
    balances: dict[str, Holding] = field(default_factory=dict)
    # What a system outside of the exchange holds of the locked balances (collateral, for instance)
    external_locks: dict[str, Decimal] = field(default_factory=dict)
    history: int = HISTORY
    # Up to this id, an order that is not here may have been forgotten.
    forgotten_id: int = -1
    orders: dict[int, EngineOrder] = field(default_factory=dict)
    open_orders: dict[int, EngineOrder] = field(default_factory=dict)
    open_by_symbol: dict[str, dict[int, EngineOrder]] = field(default_factory=dict)
    open_by_client_id: dict[tuple[str, str], EngineOrder] = field(default_factory=dict)
    last_by_client_id: dict[tuple[str, str], EngineOrder] = field(default_factory=dict)
    orders_by_symbol: dict[str, dict[int, EngineOrder]] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)
    open_lists: dict[int, OrderList] = field(default_factory=dict)
    last_list_by_client_id: dict[str, OrderList] = field(default_factory=dict)
    fills: dict[str, deque[EngineFill]] = field(default_factory=dict)
    amendments: deque[Amendment] = field(default_factory=deque)
    prevented: deque[PreventedMatch] = field(default_factory=deque)
    # Orders that filled for the first time since the API last asked: they no longer count as unfilled.
    first_fills: int = 0
    touched: dict[str, None] = field(default_factory=dict)
    # In the order in which they ended: orders without and with executions, lists; and the symbols of the trades.
    done: tuple[deque[EngineOrder], deque[EngineOrder]] = field(default_factory=lambda: (deque(), deque()))
    done_lists: deque[OrderList] = field(default_factory=deque)
    traded: deque[str] = field(default_factory=deque)

    def balance(self, asset: str) -> Holding:
        """The balance of ``asset``, created at zero when first named."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Holding()
        return found

    def free(self, asset: str) -> Decimal:
        found = self.balances.get(asset)
        return found.free if found else ZERO

    def commissions_of(self, symbol: str) -> Commissions:
        return self.symbol_commissions.get(symbol, self.commissions)

    def open_on(self, symbol: str) -> list[EngineOrder]:
        """Open orders on a symbol, oldest first."""
        return list(self.open_by_symbol.get(symbol, {}).values())

    # -- entering and leaving the indexes -----------------------------------------------------------------------

    def add_order(self, order: EngineOrder) -> None:
        """Enter a new, open order."""
        self.orders[order.order_id] = order
        self.orders_by_symbol.setdefault(order.symbol, {})[order.order_id] = order
        self.open_orders[order.order_id] = order
        self.open_by_symbol.setdefault(order.symbol, {})[order.order_id] = order
        self.name_order(order)

    def name_order(self, order: EngineOrder) -> None:
        """Let an open order be found by its client order id."""
        key = (order.symbol, order.client_order_id)
        self.open_by_client_id[key] = order
        last = self.last_by_client_id.get(key)
        if last is None or last.order_id < order.order_id:
            self.last_by_client_id[key] = order

    def rename_order(self, order: EngineOrder, client_order_id: str) -> None:
        """Give an open order another client order id."""
        old = (order.symbol, order.client_order_id)
        if self.open_by_client_id.get(old) is order:
            del self.open_by_client_id[old]
        order.client_order_id = client_order_id
        if self.last_by_client_id.get(old) is order:
            del self.last_by_client_id[old]
            for earlier in self.orders_by_symbol[order.symbol].values():
                if earlier.client_order_id == old[1]:
                    self.last_by_client_id[old] = earlier
        self.name_order(order)

    def end_order(self, order: EngineOrder) -> EngineOrder | None:
        """Take an order that ended out of the open ones; returns the older one that is forgotten for it, if any."""
        if self.open_orders.pop(order.order_id, None) is None:
            return None
        del self.open_by_symbol[order.symbol][order.order_id]
        key = (order.symbol, order.client_order_id)
        if self.open_by_client_id.get(key) is order:
            del self.open_by_client_id[key]
        done = self.done[bool(order.executed)]
        done.append(order)
        if len(done) <= self.history:
            return None
        oldest = done.popleft()
        if oldest.order_list_id in self.open_lists:
            # The other orders of its list still need it.
            done.append(oldest)
            return None
        self._forget(oldest)
        return oldest

    def _forget(self, order: EngineOrder) -> None:
        del self.orders[order.order_id]
        del self.orders_by_symbol[order.symbol][order.order_id]
        key = (order.symbol, order.client_order_id)
        if self.last_by_client_id.get(key) is order:
            del self.last_by_client_id[key]
        self.forgotten_id = max(self.forgotten_id, order.order_id)

    def add_list(self, order_list: OrderList) -> None:
        self.lists[order_list.list_id] = self.open_lists[order_list.list_id] = order_list
        self.last_list_by_client_id[order_list.client_order_id] = order_list

    def end_list(self, order_list: OrderList) -> OrderList | None:
        """Take a list that ended out of the open ones; returns the older one that is forgotten for it, if any."""
        if self.open_lists.pop(order_list.list_id, None) is None:
            return None
        self.done_lists.append(order_list)
        if len(self.done_lists) <= self.history:
            return None
        oldest = self.done_lists.popleft()
        del self.lists[oldest.list_id]
        if self.last_list_by_client_id.get(oldest.client_order_id) is oldest:
            del self.last_list_by_client_id[oldest.client_order_id]
        return oldest

    def add_fill(self, fill: EngineFill) -> None:
        """Keep a trade; the oldest one leaves when there are too many."""
        self.fills.setdefault(fill.symbol, deque()).append(fill)
        self.traded.append(fill.symbol)
        if len(self.traded) > self.history:
            self.fills[self.traded.popleft()].popleft()

    def add_amendment(self, amendment: Amendment) -> None:
        self.amendments.append(amendment)
        if len(self.amendments) > self.history:
            self.amendments.popleft()

    def add_prevented(self, match: PreventedMatch) -> None:
        self.prevented.append(match)
        if len(self.prevented) > self.history:
            self.prevented.popleft()
