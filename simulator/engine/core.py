"""The state of the exchange and its bookkeeping: markets, accounts, ids, events, and where every coin is.

Invariant, per asset: what was deposited = what accounts hold + fees taken + what outside participants received.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulator.engine.accounts import NO_RATES, Account, Holding
from simulator.engine.book import Book
from simulator.engine.errors import INSUFFICIENT_BALANCE, REJECT_REASONS, ApiError, new_order_rejected
from simulator.engine.events import AccountEvent, Event, ListEvent, OrderEvent
from simulator.engine.numbers import ZERO, divide, floor8, multiply, notional
from simulator.engine.orders import (
    MARKET_TYPES,
    OPEN_STATUSES,
    Amendment,
    BinanceOrderStatus,
    EngineFill,
    EngineOrder,
    ExpiryReason,
    OrderList,
    PreventedMatch,
)
from simulator.engine.rules import MarketRules
from simulator.engine.stops import Stops
from simulator.engine.tape import TradeTape
from simulator.engine.touched import Touched

DISCOUNT_ASSET = "BNB"
# 2026-01-01T00:00:00Z
IDS_SINCE_MS = 1_767_225_600_000
ONE_TO_ONE = Decimal(1)
NOTHING = Holding()


def unused_id(wall_ms: int) -> int:
    """Where ids start that no earlier run has used: a run makes fewer of them than milliseconds pass."""
    return max(1, wall_ms - IDS_SINCE_MS)


@dataclass(eq=False)
class Market:
    """One symbol: its rules, book, tape and waiting stops."""

    rules: MarketRules
    book: Book
    tape: TradeTape
    stops: Stops
    reference_price: Decimal | None = None
    reference_time: int = 0
    has_reference: bool = False
    # Prices of trades whose effect on stops is still to be worked out.
    fresh_prices: list[Decimal] = field(default_factory=list)

    @classmethod
    def create(cls, rules: MarketRules, first_id: int = 1) -> Market:
        return cls(rules, Book(rules.symbol), TradeTape(rules.symbol, first_id), Stops())

    @property
    def last_price(self) -> Decimal | None:
        return self.tape.last_price

    def reference(self, minutes: int, now_ms: int) -> Decimal | None:
        """What percent and notional filters measure by: reference price, else average, else last price."""
        if self.reference_price is not None:
            return self.reference_price
        return self.tape.average(minutes, now_ms)


class Core:
    """What everything in the engine shares. Nothing here decides; it keeps the books."""

    def __init__(self, first_id: int = 1) -> None:
        self.first_id = first_id
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.events: list[Event] = []
        self.deposits: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        self.outside: dict[str, Decimal] = {}
        self.exchange_filters: dict[str, int] = {}
        self.next_order_id = first_id
        self.next_list_id = first_id - 1
        self.next_execution_id = first_id
        self.next_prevented_id = first_id
        self.generated = first_id - 1
        self.dirty: dict[str, Market] = {}
        # What is to be written down; None when nobody keeps the state.
        self.touched: Touched | None = None

    def market(self, symbol: str) -> Market:
        """Raises ApiError -1121 for a symbol that does not exist."""
        found = self.markets.get(symbol)
        if found is None:
            raise ApiError(-1121, "Invalid symbol.")
        return found

    def take_order_id(self) -> int:
        self.next_order_id += 1
        return self.next_order_id - 1

    def generated_client_id(self) -> str:
        """22 characters for those who send no client order id: the same in the same order of calls."""
        self.generated += 1
        return hashlib.sha256(f"client/{self.generated}".encode()).hexdigest()[:22]

    # -- where money is ---------------------------------------------------------------------------------------

    def required_lock(self, order: EngineOrder) -> Decimal:
        """What an open order must hold: quote for a BUY, base for a SELL (8 decimals)."""
        if order.status not in OPEN_STATUSES:
            return ZERO
        remaining = order.remaining
        if not order.is_buy:
            return remaining
        return notional(self.lock_price(order), remaining)

    def lock_price(self, order: EngineOrder) -> Decimal:
        """The price a BUY reserves funds at: its limit; for a stop that buys at market, its stop price."""
        limit = order.limit
        if limit is not None:
            return limit
        if order.stop_price is not None:
            return order.stop_price
        return self.markets[order.symbol].last_price or ZERO

    def pay_asset(self, order: EngineOrder) -> str:
        rules = self.markets[order.symbol].rules
        return rules.quote if order.is_buy else rules.base

    def relock(self, order: EngineOrder, spent: Decimal = ZERO, *, at_most: Decimal | None = None) -> None:
        """Bring what an order holds to what it needs, after ``spent`` left the account."""
        held = order.locked
        if order.is_working and order.type in MARKET_TYPES and order.is_open:
            # Working at market: the budget locked at the start shrinks by what is spent, the end frees the rest.
            need = held - spent
        else:
            need = self.required_lock(order)
        if at_most is not None:
            need = min(need, at_most)
        if need == held and not spent:
            return
        account = self.accounts[order.account]
        asset = self.pay_asset(order)
        balance = account.balance(asset)
        balance.locked += need - held
        balance.free += held - need - spent
        order.locked = need
        account.touched[asset] = None

    def relock_list(self, order_list: OrderList) -> None:
        """A leg whose reservation the list holds got smaller: so does the reservation."""
        account = self.accounts[order_list.account]
        legs = [leg for leg in self.legs(order_list) if leg.is_open and not leg.locked]
        need = max((self.required_lock(leg) for leg in legs), default=ZERO)
        if order_list.locked > need:
            balance = account.balance(order_list.locked_asset)
            balance.locked -= order_list.locked - need
            balance.free += order_list.locked - need
            order_list.locked = need
            account.touched[order_list.locked_asset] = None

    def lock(self, order: EngineOrder, amount: Decimal) -> None:
        """Lock ``amount`` for an order instead of what it holds now.

        Raises:
            ApiError: -2010 when the account has not that much free.
        """
        account = self.accounts[order.account]
        asset = self.pay_asset(order)
        balance = account.balance(asset)
        if amount - order.locked > balance.free:
            raise new_order_rejected(INSUFFICIENT_BALANCE)
        balance.free -= amount - order.locked
        balance.locked += amount - order.locked
        order.locked = amount
        account.touched[asset] = None

    def credit(self, account: Account, asset: str, amount: Decimal) -> None:
        account.balance(asset).free += amount
        account.touched[asset] = None

    def move_outside(self, asset: str, amount: Decimal) -> None:
        """Outside participants received ``amount`` (negative: gave it)."""
        self.outside[asset] = self.outside.get(asset, ZERO) + amount

    def take_fee(self, account: Account, asset: str, amount: Decimal) -> None:
        if not amount:
            return
        account.balance(asset).free -= amount
        account.touched[asset] = None
        self.fees[asset] = self.fees.get(asset, ZERO) + amount

    def commission(
        self, account: Account, market: Market, received: str, amount: Decimal, *, is_maker: bool, is_buyer: bool
    ) -> tuple[Decimal, str]:
        """What a fill costs and in which asset: the received one, or BNB with the discount if there is enough."""
        rates = account.commissions_of(market.rules.symbol)
        standard = multiply(amount, rates.standard.rate(is_maker=is_maker, is_buyer=is_buyer))
        rest = ZERO
        for extra in (rates.special, rates.tax):
            if extra is not NO_RATES:
                rest += multiply(amount, extra.rate(is_maker=is_maker, is_buyer=is_buyer))
        if account.bnb_discount and (standard or rest):
            price = ONE_TO_ONE if received == DISCOUNT_ASSET else self.convert_rate(received, DISCOUNT_ASSET)
            if price is not None:
                in_bnb = floor8(multiply(multiply(standard, account.discount) + rest, price))
                if account.free(DISCOUNT_ASSET) >= in_bnb:
                    return in_bnb, DISCOUNT_ASSET
        return floor8(standard + rest), received

    def convert_rate(self, source: str, target: str) -> Decimal | None:
        """How much of ``target`` one ``source`` is worth at last prices; None when no market says."""
        direct = self._last(source, target)
        if direct is not None:
            return direct
        for middle in ("USDC", "USDT", "FDUSD", "BTC"):
            first, second = self._last(source, middle), self._last(middle, target)
            if first is not None and second is not None:
                return multiply(first, second)
        return None

    def _last(self, source: str, target: str) -> Decimal | None:
        forward = self.markets.get(source + target)
        if forward is not None and forward.last_price:
            return forward.last_price
        backward = self.markets.get(target + source)
        if backward is not None and backward.last_price:
            return divide(Decimal(1), backward.last_price)
        return None

    # -- what is told -----------------------------------------------------------------------------------------

    def report(
        self,
        order: EngineOrder,
        kind: str,
        now_ms: int,
        *,
        client_order_id: str | None = None,
        goes_on: bool = False,
        **facts: Any,
    ) -> OrderEvent:
        """Emit an execution report, followed by the balances that changed unless the same order ``goes_on`` at once:
        an order that takes is told whole before its balances are."""
        event = OrderEvent(
            order.account,
            now_ms,
            kind,
            order.copy(),
            client_order_id or order.client_order_id,
            self.next_execution_id,
            **facts,
        )
        self.next_execution_id += 1
        self.events.append(event)
        if self.touched is not None:
            self.touched.orders[order.order_id] = order
            self.touched.accounts[order.account] = None
        if not goes_on:
            self.report_balances(self.accounts[order.account], now_ms, order.symbol)
        return event

    def report_rejection(self, order: EngineOrder, now_ms: int, error: ApiError) -> None:
        """Emit the execution report of an order that the engine refused: it is in no index and leaves no record."""
        order.status = BinanceOrderStatus.REJECTED
        self.events.append(
            OrderEvent(
                order.account,
                now_ms,
                "REJECTED",
                order.copy(),
                order.client_order_id,
                self.next_execution_id,
                reject_reason=REJECT_REASONS.get(error.message, "NONE"),
            )
        )
        self.next_execution_id += 1

    def report_balances(self, account: Account, now_ms: int, symbol: str | None = None) -> None:
        """Emit outboundAccountPosition if any balance changed since the last one.

        An order of ``symbol`` may have changed its base, its quote and what commissions are paid in: all three are
        told, zeros included.
        """
        if not account.touched:
            return
        account.update_time = now_ms
        told = dict(account.touched)
        if symbol is not None:
            rules = self.markets[symbol].rules
            told = {rules.base: None, rules.quote: None, DISCOUNT_ASSET: None} | told
        holdings = ((asset, account.balances.get(asset, NOTHING)) for asset in told)
        rows = tuple((asset, held.free, held.locked) for asset, held in holdings)
        account.touched.clear()
        if self.touched is not None:
            self.touched.accounts[account.name] = None
        self.events.append(AccountEvent(account.name, now_ms, rows))

    def report_list(self, order_list: OrderList, now_ms: int, reject_reason: str = "NONE") -> None:
        self.events.append(ListEvent(order_list.account, now_ms, order_list.copy(), reject_reason))
        if self.touched is not None:
            self.touched.lists[order_list.list_id] = order_list

    # -- the index of orders ----------------------------------------------------------------------------------

    def register(self, order: EngineOrder) -> None:
        """Enter a new order into the account's indexes."""
        self.accounts[order.account].add_order(order)

    def finish(
        self, order: EngineOrder, status: BinanceOrderStatus, now_ms: int, reason: ExpiryReason = ExpiryReason.NONE
    ) -> None:
        """End an order: final status, nothing locked, out of the open indexes. Does not report."""
        order.status = status
        order.update_time = now_ms
        order.expiry_reason = reason
        if order.locked:
            self.relock(order)
        forgotten = self.accounts[order.account].end_order(order)
        if forgotten is not None and self.touched is not None:
            self.touched.forget_order(forgotten)

    def close_list(self, order_list: OrderList) -> None:
        """Take a list that ended out of the open ones."""
        forgotten = self.accounts[order_list.account].end_list(order_list)
        if forgotten is not None and self.touched is not None:
            self.touched.forget_list(forgotten)

    def add_fill(self, account: Account, fill: EngineFill) -> None:
        account.add_fill(fill)
        if self.touched is not None:
            self.touched.fills.append((account.name, fill))

    def add_amendment(self, account: Account, amendment: Amendment) -> None:
        account.add_amendment(amendment)
        if self.touched is not None:
            self.touched.amendments.append((account.name, amendment))

    def add_prevented(self, match: PreventedMatch, names: Iterable[str]) -> None:
        for name in names:
            self.accounts[name].add_prevented(match)
            if self.touched is not None:
                self.touched.prevented.append((name, match))

    def legs(self, order_list: OrderList) -> Iterator[EngineOrder]:
        orders = self.accounts[order_list.account].orders
        for order_id in order_list.order_ids:
            yield orders[order_id]
