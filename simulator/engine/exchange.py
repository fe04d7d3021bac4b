"""The exchange: what the API and paper trading use. Pure: no I/O, no clock; the time of every call is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from shared.src.domain.orders import Side
from simulator.engine.accounts import HISTORY, Account, Commissions, Rates
from simulator.engine.amends import OrderAmendments
from simulator.engine.audit import audit
from simulator.engine.changes import OrderChanges
from simulator.engine.core import Core, Market
from simulator.engine.errors import ApiError
from simulator.engine.events import BalanceEvent, Event, ExternalLockEvent, PriceLevel, StatusEvent
from simulator.engine.lists import OrderLists
from simulator.engine.matching import Matcher
from simulator.engine.numbers import ZERO, floor8
from simulator.engine.orders import (
    AmendResult,
    Cancellation,
    CancelRestriction,
    EngineOrder,
    ListCancellation,
    ListPlacement,
    ListRequest,
    OrderList,
    OrderRequest,
    Placement,
    Ref,
    ReplaceOutcome,
)
from simulator.engine.outside import OutsideParticipants
from simulator.engine.placement import OrderEntry
from simulator.engine.rules import EXCHANGE_FILTERS, Filter, MarketRules
from simulator.engine.touched import Touched


class Engine:
    """Markets and accounts under Binance's spot rules.

    Refusals are ApiError with Binance's code and message; after one, nothing has changed. What happened is
    told by ``drain``, in order.
    """

    def __init__(self, *, first_id: int = 1, history: int = HISTORY) -> None:
        """``first_id``: where the ids of orders, lists, trades and executions start. ``history``: how many done orders
        (and trades, lists, ...) of each kind an account keeps; see Account."""
        self.core = Core(first_id)
        self._history = history
        self._matcher = Matcher(self.core)
        self._entry = OrderEntry(self.core, self._matcher)
        self._lists = OrderLists(self.core, self._entry)
        self._changes = OrderChanges(self.core, self._entry, self._lists)
        self._amends = OrderAmendments(self.core, self._changes)
        self._outside = OutsideParticipants(self.core, self._matcher)

    # -- set-up -----------------------------------------------------------------------------------------------

    def add_symbol(self, rules: MarketRules, last_price: Decimal | None = None) -> Market:
        """List a symbol; ``last_price`` is what stops and filters measure by until something trades.

        Raises:
            ValueError: the symbol exists.
        """
        if rules.symbol in self.core.markets:
            raise ValueError(f"{rules.symbol} is listed already")
        market = self.core.markets[rules.symbol] = Market.create(rules, self.core.first_id)
        market.tape.last_price = last_price
        self._begin(rules.symbol)
        return market

    def add_account(
        self,
        name: str,
        balances: Mapping[str, Decimal] | None = None,
        maker: Decimal = ZERO,
        taker: Decimal = ZERO,
        *,
        bnb_discount: bool = False,
        trade_group_id: int = -1,
    ) -> Account:
        """Open an account with deposits.

        Raises:
            ValueError: the name is taken, or a balance is negative.
        """
        if name in self.core.accounts:
            raise ValueError(f"there is an account {name} already")
        account = Account(
            name,
            len(self.core.accounts) + 1,
            Commissions(Rates(maker, taker)),
            trade_group_id,
            bnb_discount,
            history=self._history,
        )
        for asset, amount in (balances or {}).items():
            if amount < ZERO:
                raise ValueError(f"{name}: a balance of {amount} {asset} is below zero")
            account.balance(asset).free = floor8(amount)
            self._deposited(asset, floor8(amount))
        self.core.accounts[name] = account
        if self.core.touched is not None:
            self.core.touched.accounts[name] = None
        return account

    def set_exchange_filters(self, filters: Iterable[Filter]) -> None:
        """Limits over all symbols of an account (EXCHANGE_MAX_NUM_*). Raises ValueError for an unknown one."""
        parsed: dict[str, int] = {}
        for entry in filters:
            name = str(entry["filterType"])
            limits = [int(value) for key, value in entry.items() if key != "filterType"]
            if name not in EXCHANGE_FILTERS or len(limits) != 1:
                raise ValueError(f"not an exchange filter: {entry}")
            parsed[name] = limits[0]
        self.core.exchange_filters = parsed

    # -- trading ----------------------------------------------------------------------------------------------

    def place(self, account: Account, request: OrderRequest, now_ms: int) -> Placement:
        """Place one order. Raises ApiError (-1013, -1111, -1121, -2010)."""
        self._begin(request.symbol)
        placed = self._entry.place(account, request, now_ms)
        answer = Placement(placed.order.copy(), placed.fills, placed.prevented)
        self._end(now_ms)
        return answer

    def test(self, account: Account, request: OrderRequest, now_ms: int) -> None:
        """Validate an order without sending it to the matching engine. Raises ApiError."""
        self._entry.validate(account, request, now_ms)

    def place_list(self, account: Account, request: ListRequest, now_ms: int) -> ListPlacement:
        """Place an order list. Raises ApiError."""
        self._begin(request.symbol)
        placed = self._lists.place(account, request, now_ms)
        answer = ListPlacement(
            placed.order_list.copy(),
            tuple(Placement(part.order.copy(), part.fills, part.prevented) for part in placed.placements),
        )
        self._end(now_ms)
        return answer

    def cancel(
        self,
        account: Account,
        symbol: str,
        ref: Ref,
        now_ms: int,
        *,
        new_client_order_id: str | None = None,
        restriction: CancelRestriction | None = None,
    ) -> Cancellation | ListCancellation:
        """Cancel one order, or the whole list that it belongs to. Raises ApiError -2011."""
        self._begin(symbol)
        answer = self._changes.cancel(
            account, symbol, ref, now_ms, new_client_order_id=new_client_order_id, restriction=restriction
        )
        self._end(now_ms)
        return answer

    def cancel_list(
        self,
        account: Account,
        symbol: str,
        ref: Ref,
        now_ms: int,
        *,
        new_client_order_id: str | None = None,
    ) -> ListCancellation:
        """Cancel an order list. Raises ApiError -2011."""
        self._begin(symbol)
        answer = self._changes.cancel_list(account, symbol, ref, now_ms, new_client_order_id=new_client_order_id)
        self._end(now_ms)
        return answer

    def cancel_all(self, account: Account, symbol: str, now_ms: int) -> list[Cancellation | ListCancellation]:
        """Cancel all open orders of a symbol. Raises ApiError -2011 when there are none."""
        self._begin(symbol)
        answer = self._changes.cancel_all(account, symbol, now_ms)
        self._end(now_ms)
        return answer

    def cancel_replace(
        self,
        account: Account,
        request: OrderRequest,
        ref: Ref,
        now_ms: int,
        *,
        stop_on_failure: bool,
        cancel_client_order_id: str | None = None,
        restriction: CancelRestriction | None = None,
    ) -> ReplaceOutcome:
        """Cancel one order and place another. Raises ApiError when the new order breaks a filter."""
        self._begin(request.symbol)
        answer = self._changes.cancel_replace(
            account,
            request,
            ref,
            now_ms,
            stop_on_failure=stop_on_failure,
            cancel_client_order_id=cancel_client_order_id,
            restriction=restriction,
        )
        self._end(now_ms)
        return answer

    def amend_keep_priority(
        self,
        account: Account,
        symbol: str,
        ref: Ref,
        quantity: Decimal,
        now_ms: int,
        *,
        new_client_order_id: str | None = None,
    ) -> AmendResult:
        """Reduce the quantity of an open order. Raises ApiError (-2013, -2038, -1013)."""
        self._begin(symbol)
        answer = self._amends.amend(account, symbol, ref, quantity, now_ms, new_client_order_id=new_client_order_id)
        self._end(now_ms)
        return answer

    # -- queries ----------------------------------------------------------------------------------------------

    def account(self, name: str) -> Account:
        """Raises KeyError for a name without an account."""
        return self.core.accounts[name]

    @property
    def accounts(self) -> Mapping[str, Account]:
        return self.core.accounts

    def market(self, symbol: str) -> Market:
        """Raises ApiError -1121 for a symbol that does not exist."""
        return self.core.market(symbol)

    @property
    def markets(self) -> Mapping[str, Market]:
        return self.core.markets

    def order(self, account: Account, symbol: str, ref: Ref) -> EngineOrder:
        """Raises ApiError -2013 (no such order) or -2039 (ids do not belong together)."""
        return self._changes.query(account, symbol, ref)

    def order_list(self, account: Account, ref: Ref) -> OrderList:
        """Raises ApiError -2018 when there is no such list."""
        found = self._changes.find_list(account, ref)
        if found is None:
            raise ApiError(-2018, "Order list does not exist.")
        return found

    def depth(self, symbol: str, limit: int = 100) -> tuple[int, list[PriceLevel], list[PriceLevel]]:
        """(last update id, bids from the best on, asks from the best on)."""
        book = self.market(symbol).book
        return book.update_id, book.bids.depth(limit), book.asks.depth(limit)

    def last_price(self, symbol: str) -> Decimal | None:
        return self.market(symbol).last_price

    # -- the outside world ------------------------------------------------------------------------------------

    def set_liquidity(self, symbol: str, bids: Iterable[PriceLevel], asks: Iterable[PriceLevel], now_ms: int) -> None:
        """Replace all that outside participants offer. Users' resting orders that it reaches fill at their own price.

        Raises:
            ValueError: bids and asks cross each other, or a price or quantity makes no sense.
        """
        market = self.market(symbol)
        self._begin(symbol)
        self._outside.set_liquidity(market, list(bids), list(asks), now_ms)
        self._end(now_ms)

    def outside_trade(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        now_ms: int,
        *,
        price: Decimal | None = None,
        print_rest: bool = False,
    ) -> Decimal:
        """An outside participant takes from the book, users' resting orders included, in price-time priority.

        ``price`` is the worst one it accepts. With ``print_rest`` what the book could not give is printed as a
        trade among outside participants at ``price`` (a recorded trade always happens). Returns what traded.

        Raises:
            ValueError: a quantity or price that is not positive, or ``print_rest`` without a price.
        """
        market = self.market(symbol)
        self._begin(symbol)
        traded = self._outside.trade(market, side, quantity, now_ms, price=price, print_rest=print_rest)
        self._end(now_ms)
        return traded

    def deposit(self, account: Account, asset: str, delta: Decimal, now_ms: int) -> None:
        """Deposit (positive) or withdraw (negative).

        Raises:
            ValueError: a withdrawal of more than is free.
        """
        amount = floor8(delta)
        balance = account.balance(asset)
        if balance.free + amount < ZERO:
            raise ValueError(f"{account.name} has {balance.free} {asset} free, not {-amount}")
        balance.free += amount
        self._deposited(asset, amount)
        self.core.events.append(BalanceEvent(account.name, now_ms, asset, amount))
        account.touched[asset] = None
        self.core.report_balances(account, now_ms)

    def lock_externally(self, account: Account, asset: str, delta: Decimal, now_ms: int) -> None:
        """Let a system outside of the exchange lock (positive) or unlock (negative) part of a balance.

        Raises:
            ValueError: more than is free, or more than is locked from outside.
        """
        amount, balance = floor8(delta), account.balance(asset)
        held = account.external_locks.get(asset, ZERO)
        if amount > balance.free:
            raise ValueError(f"{account.name} has {balance.free} {asset} free, not {amount}")
        if held + amount < ZERO:
            raise ValueError(f"{account.name} has {held} {asset} locked from outside, not {-amount}")
        balance.free -= amount
        balance.locked += amount
        account.external_locks[asset] = held + amount
        self.core.events.append(ExternalLockEvent(account.name, now_ms, asset, amount))
        account.touched[asset] = None
        self.core.report_balances(account, now_ms)

    def _deposited(self, asset: str, amount: Decimal) -> None:
        self.core.deposits[asset] = self.core.deposits.get(asset, ZERO) + amount

    def set_status(self, symbol: str, status: str, now_ms: int) -> None:
        """TRADING, HALT, BREAK, END_OF_DAY or CANCEL_ONLY. Raises ValueError for another."""
        self.set_rules(self.market(symbol).rules.with_status(status), now_ms)

    def set_filters(self, symbol: str, filters: Iterable[Filter], now_ms: int) -> None:
        """Replace the filters of the given types; what stands on the book stays. Raises ValueError."""
        self.set_rules(self.market(symbol).rules.with_filters(filters), now_ms)

    def set_rules(self, rules: MarketRules, now_ms: int) -> None:
        """Replace all rules of a listed symbol; what stands on the book stays."""
        self._begin(rules.symbol)
        self.market(rules.symbol).rules = rules
        self.core.events.append(StatusEvent(rules.symbol, now_ms, rules.status))

    def set_reference_price(self, symbol: str, price: Decimal | None, now_ms: int) -> None:
        """The reference price that percent and notional filters measure by from now on (None: none)."""
        market = self.market(symbol)
        self._begin(symbol)
        market.reference_price, market.reference_time, market.has_reference = price, now_ms, True

    def tick(self, now_ms: int) -> None:
        """Let time pass: anything due by now happens."""
        for symbol in self.core.markets:
            self._begin(symbol)
        self._end(now_ms)

    # -- what happened ----------------------------------------------------------------------------------------

    def drain(self) -> list[Event]:
        """All events since the last drain, in order."""
        events = self.core.events
        self.core.events = []
        return events

    def keep_track(self) -> None:
        """Note from now on what changes, for whoever writes the state down (simulator.engine.records)."""
        self.core.touched = Touched()

    def take_touched(self) -> Touched | None:
        """What changed since the last call; None when nobody keeps track."""
        touched = self.core.touched
        if touched is not None:
            self.core.touched = Touched()
        return touched

    def audit(self) -> dict[str, Any]:
        """Whether every coin is where it must be and every book is sane; see ``simulator.engine.audit``."""
        return audit(self.core)

    def _begin(self, symbol: str) -> None:
        self.core.dirty[symbol] = self.core.market(symbol)
        if self.core.touched is not None:
            self.core.touched.markets[symbol] = None

    def _end(self, now_ms: int) -> None:
        while True:
            self._entry.run_stops(now_ms)
            if not self._lists.run_pending(now_ms):
                break
        for market in self.core.dirty.values():
            event = market.book.flush(now_ms)
            if event is not None:
                self.core.events.append(event)
        self.core.dirty.clear()
