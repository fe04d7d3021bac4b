"""Accounts: balances (free and locked), commission rates, and the indexes by which orders are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from simulator.engine.numbers import ZERO
from simulator.engine.orders import Amendment, Fill, Order, OrderList, PreventedMatch

DEFAULT_DISCOUNT = Decimal("0.75")


@dataclass(slots=True)
class Balance:
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


@dataclass(frozen=True, slots=True)
class Commissions:
    """What an account pays on a symbol: three components, only the standard one discounted."""

    standard: Rates
    special: Rates = Rates()
    tax: Rates = Rates()


@dataclass
class Account:
    """One trading account."""

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
    balances: dict[str, Balance] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    open_orders: dict[int, Order] = field(default_factory=dict)
    open_by_symbol: dict[str, dict[int, Order]] = field(default_factory=dict)
    open_by_client_id: dict[tuple[str, str], Order] = field(default_factory=dict)
    last_by_client_id: dict[tuple[str, str], Order] = field(default_factory=dict)
    orders_by_symbol: dict[str, list[Order]] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)
    open_lists: dict[int, OrderList] = field(default_factory=dict)
    fills: dict[str, list[Fill]] = field(default_factory=dict)
    amendments: list[Amendment] = field(default_factory=list)
    prevented: list[PreventedMatch] = field(default_factory=list)
    # Orders that filled for the first time since the doors last asked: they no longer count as unfilled.
    first_fills: int = 0
    touched: dict[str, None] = field(default_factory=dict)

    def balance(self, asset: str) -> Balance:
        """The balance of ``asset``, created at zero when first named."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def free(self, asset: str) -> Decimal:
        found = self.balances.get(asset)
        return found.free if found else ZERO

    def commissions_of(self, symbol: str) -> Commissions:
        return self.symbol_commissions.get(symbol, self.commissions)

    def open_on(self, symbol: str) -> list[Order]:
        """Open orders on a symbol, oldest first."""
        return list(self.open_by_symbol.get(symbol, {}).values())
