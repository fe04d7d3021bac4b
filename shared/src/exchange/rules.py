"""What a symbol allows on the exchange, and rounding that never asks for more than is held or offered.

Source: the filters of GET /api/v3/exchangeInfo (PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE, NOTIONAL, MIN_NOTIONAL,
PERCENT_PRICE(_BY_SIDE), TRAILING_DELTA, (EXCHANGE_)MAX_NUM_*, MAX_POSITION). A limit of 0 means that it does not set
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from shared.src.domain.errors import ContractError
from shared.src.domain.money import ZERO, ceil_to_step, floor_to_step
from shared.src.domain.orders import Side

NO_LIMIT = Decimal(0)
# Multiples of the market beyond which nobody means a price.
NARROW_LOW, NARROW_HIGH = Decimal("0.5"), Decimal(2)
TRADING = "TRADING"
# Ours, not Binance's: the exchange has no symbol of this name (any more).
NOT_LISTED = "NOT_LISTED"


@dataclass(frozen=True, slots=True)
class PriceBand:
    """How far a limit price of one side may be from the market, as multiples of it; 0: no limit."""

    low: Decimal = NO_LIMIT
    high: Decimal = NO_LIMIT

    def excludes(self, price: Decimal, market: Decimal) -> bool:
        return price < market * self.low or bool(self.high and price > market * self.high)

    @property
    def is_narrow(self) -> bool:
        """Whether a price that somebody may mean could be outside of it."""
        return self.low > NARROW_LOW or bool(self.high and self.high < NARROW_HIGH)


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """One symbol's trading rules. Prices in quote units, quantities in base units.

    ``orders_max``, ``stops_max``, ``lists_max``: how many may stand at once, ``account_...``: in all symbols together;
    ``position_max``: how much may be held. ``average_minutes``: what bands are measured from is the average price of so
    many minutes; 0: the last price.
    ``is_doubted``: the exchange refused an order by these rules, and they were not read again since.
    """

    symbol: str
    base: str
    quote: str
    status: str = TRADING
    tick: Decimal = NO_LIMIT
    price_min: Decimal = NO_LIMIT
    price_max: Decimal = NO_LIMIT
    step: Decimal = NO_LIMIT
    quantity_min: Decimal = NO_LIMIT
    quantity_max: Decimal = NO_LIMIT
    market_step: Decimal = NO_LIMIT
    market_quantity_min: Decimal = NO_LIMIT
    market_quantity_max: Decimal = NO_LIMIT
    notional_min: Decimal = NO_LIMIT
    notional_max: Decimal = NO_LIMIT
    notional_min_for_market: bool = True
    order_types: frozenset[str] = frozenset()
    oco_allowed: bool = True
    oto_allowed: bool = False
    opo_allowed: bool = False
    cancel_replace_allowed: bool = True
    trailing_allowed: bool = True
    trailing_below_min: int = 0
    trailing_below_max: int = 0
    orders_max: int = 0
    stops_max: int = 0
    lists_max: int = 0
    account_orders_max: int = 0
    account_stops_max: int = 0
    account_lists_max: int = 0
    position_max: Decimal = NO_LIMIT
    buys: PriceBand = PriceBand()
    sells: PriceBand = PriceBand()
    average_minutes: int = 0
    is_doubted: bool = False

    @classmethod
    def parse(cls, entry: Mapping[str, Any], exchange_filters: Iterable[Mapping[str, Any]] = ()) -> SymbolRules:
        """Rules from one element of ``symbols`` in exchangeInfo, and its ``exchangeFilters``.

        Raises:
            ContractError: the entry lacks a field that Binance documents.
        """
        try:
            filters = {item["filterType"]: item for item in (*entry["filters"], *exchange_filters)}
            return cls(
                symbol=entry["symbol"],
                base=entry["baseAsset"],
                quote=entry["quoteAsset"],
                status=entry["status"],
                order_types=frozenset(entry.get("orderTypes", ())),
                oco_allowed=bool(entry.get("ocoAllowed", True)),
                oto_allowed=bool(entry.get("otoAllowed", False)),
                opo_allowed=bool(entry.get("opoAllowed", False)),
                cancel_replace_allowed=bool(entry.get("cancelReplaceAllowed", False)),
                trailing_allowed=bool(entry.get("allowTrailingStop", False)),
                **_prices(filters.get("PRICE_FILTER", {})),
                **_quantities("", filters.get("LOT_SIZE", {})),
                **_quantities("market_", filters.get("MARKET_LOT_SIZE", {})),
                **_notional(filters),
                **_trailing(filters.get("TRAILING_DELTA", {})),
                **_counts(filters),
                **_bands(filters),
            )
        except (KeyError, TypeError, ArithmeticError) as error:
            raise ContractError(f"exchangeInfo of {entry.get('symbol', '?')}: {error!r}") from error

    @property
    def is_trading(self) -> bool:
        return self.status == TRADING

    @property
    def has_entry_lists(self) -> bool:
        """Whether an entry may bring a pair along that sells what it receives (OPOCO)."""
        return self.oco_allowed and self.oto_allowed and self.opo_allowed

    @property
    def is_listed(self) -> bool:
        return self.status != NOT_LISTED

    def floor_quantity(self, quantity: Decimal, *, market: bool = False) -> Decimal:
        """The largest quantity the exchange takes that is not above ``quantity`` (0 when there is none)."""
        step = max(self.step, self.market_step) if market else self.step
        limit = self._quantity_max(market=market)
        return floor_to_step(min(quantity, limit) if limit else quantity, step)

    def round_price(self, price: Decimal, side: Side) -> Decimal:
        """The nearest allowed price on the safe side: a BUY never pays more, a SELL never asks less."""
        return floor_to_step(price, self.tick) if side is Side.BUY else ceil_to_step(price, self.tick)

    def floor_price(self, price: Decimal) -> Decimal:
        """The allowed price at or below ``price``, never below the lowest allowed one."""
        return max(floor_to_step(min(price, self.price_max or price), self.tick), self.price_min or self.tick)

    def is_sellable(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether an order for ``quantity`` at ``price`` passes the size filters; otherwise it is dust."""
        floored = self.floor_quantity(quantity, market=True)
        return floored > 0 and not self.refusal(floored, price, market=True)

    def refusal(self, quantity: Decimal, price: Decimal, *, market: bool = False) -> str:
        """Why the exchange would refuse an order of this size and price; empty when it would not."""
        checks = (
            self._quantity_refusal(quantity, market=market),
            "" if market else self._price_refusal(price),
            self._notional_refusal(quantity * price, market=market),
        )
        return next((reason for reason in checks if reason), "")

    def _quantity_max(self, *, market: bool) -> Decimal:
        limits = [limit for limit in (self.quantity_max, self.market_quantity_max if market else ZERO) if limit]
        return min(limits, default=ZERO)

    def _quantity_refusal(self, quantity: Decimal, *, market: bool) -> str:
        least = max(self.quantity_min, self.market_quantity_min if market else ZERO)
        most = self._quantity_max(market=market)
        step = max(self.step, self.market_step) if market else self.step
        if quantity <= 0 or quantity < least:
            return f"quantity {quantity} is under the exchange minimum {least}"
        if most and quantity > most:
            return f"quantity {quantity} is over the exchange maximum {most}"
        if step and quantity % step:
            return f"quantity {quantity} is not a multiple of {step}"
        return ""

    def _price_refusal(self, price: Decimal) -> str:
        if price <= 0 or price < self.price_min:
            return f"price {price} is under the exchange minimum {self.price_min}"
        if self.price_max and price > self.price_max:
            return f"price {price} is over the exchange maximum {self.price_max}"
        if self.tick and price % self.tick:
            return f"price {price} is not a multiple of {self.tick}"
        return ""

    def _notional_refusal(self, notional: Decimal, *, market: bool) -> str:
        if notional < self.notional_min and (self.notional_min_for_market or not market):
            return f"notional {notional} is under the exchange minimum {self.notional_min}"
        if self.notional_max and not market and notional > self.notional_max:
            return f"notional {notional} is over the exchange maximum {self.notional_max}"
        return ""


def _prices(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tick": Decimal(entry.get("tickSize", "0")),
        "price_min": Decimal(entry.get("minPrice", "0")),
        "price_max": Decimal(entry.get("maxPrice", "0")),
    }


def _quantities(prefix: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{prefix}step": Decimal(entry.get("stepSize", "0")),
        f"{prefix}quantity_min": Decimal(entry.get("minQty", "0")),
        f"{prefix}quantity_max": Decimal(entry.get("maxQty", "0")),
    }


def _notional(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    new, old = filters.get("NOTIONAL", {}), filters.get("MIN_NOTIONAL", {})
    return {
        "notional_min": max(Decimal(new.get("minNotional", "0")), Decimal(old.get("minNotional", "0"))),
        "notional_max": Decimal(new.get("maxNotional", "0")),
        "notional_min_for_market": bool(new.get("applyMinToMarket", old.get("applyToMarket", True))),
    }


def _trailing(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trailing_below_min": int(entry.get("minTrailingBelowDelta", 0)),
        "trailing_below_max": int(entry.get("maxTrailingBelowDelta", 0)),
    }


def _counts(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "orders_max": int(filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 0)),
        "stops_max": int(filters.get("MAX_NUM_ALGO_ORDERS", {}).get("maxNumAlgoOrders", 0)),
        "lists_max": int(filters.get("MAX_NUM_ORDER_LISTS", {}).get("maxNumOrderLists", 0)),
        "account_orders_max": int(filters.get("EXCHANGE_MAX_NUM_ORDERS", {}).get("maxNumOrders", 0)),
        "account_stops_max": int(filters.get("EXCHANGE_MAX_NUM_ALGO_ORDERS", {}).get("maxNumAlgoOrders", 0)),
        "account_lists_max": int(filters.get("EXCHANGE_MAX_NUM_ORDER_LISTS", {}).get("maxNumOrderLists", 0)),
        "position_max": Decimal(filters.get("MAX_POSITION", {}).get("maxPosition", "0")),
    }


def _bands(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    one, each = filters.get("PERCENT_PRICE", {}), filters.get("PERCENT_PRICE_BY_SIDE", {})
    low, high = one.get("multiplierDown", "0"), one.get("multiplierUp", "0")
    return {
        "buys": PriceBand(Decimal(each.get("bidMultiplierDown", low)), Decimal(each.get("bidMultiplierUp", high))),
        "sells": PriceBand(Decimal(each.get("askMultiplierDown", low)), Decimal(each.get("askMultiplierUp", high))),
        "average_minutes": int(each.get("avgPriceMins", one.get("avgPriceMins", 0))),
    }


class RulesSource(Protocol):
    """Whoever can tell an exchange's rules."""

    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        """Rules by symbol; of all symbols when none is named.

        Raises:
            TransientError: no answer now.
            RejectedError: the exchange does not know one of the symbols (-1121).
            ContractError: the answer is not Binance's.
        """
        ...
