"""What a symbol allows: its exchangeInfo entry, with every Binance filter parsed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from shared.src.domain.orders import OrderType
from simulator.engine.numbers import ZERO
from simulator.engine.orders import StpMode

Filter = Mapping[str, Any]

STATUSES = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")
ALL_ORDER_TYPES = tuple(OrderType)
SYMBOL_FILTERS = frozenset(
    {
        "PRICE_FILTER",
        "PERCENT_PRICE",
        "PERCENT_PRICE_BY_SIDE",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "MIN_NOTIONAL",
        "NOTIONAL",
        "ICEBERG_PARTS",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ALGO_ORDERS",
        "MAX_NUM_ICEBERG_ORDERS",
        "MAX_POSITION",
        "TRAILING_DELTA",
        "MAX_NUM_ORDER_AMENDS",
        "MAX_NUM_ORDER_LISTS",
    }
)
EXCHANGE_FILTERS = frozenset(
    {
        "EXCHANGE_MAX_NUM_ORDERS",
        "EXCHANGE_MAX_NUM_ALGO_ORDERS",
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
        "EXCHANGE_MAX_NUM_ORDER_LISTS",
    }
)


@dataclass(frozen=True, slots=True)
class Range:
    """min <= x <= max on a grid; 0 switches a part off."""

    low: Decimal = ZERO
    high: Decimal = ZERO
    step: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PercentPrice:
    """Price bounds as multiples of the reference price, by side."""

    name: str
    bid_up: Decimal
    bid_down: Decimal
    ask_up: Decimal
    ask_down: Decimal
    average_minutes: int


@dataclass(frozen=True, slots=True)
class Notional:
    """Bounds of price x quantity in the quote asset; ``high`` None: no upper bound."""

    name: str
    low: Decimal
    low_to_market: bool
    high: Decimal | None
    high_to_market: bool
    average_minutes: int


@dataclass(frozen=True, slots=True)
class TrailingDelta:
    above_low: int
    above_high: int
    below_low: int
    below_high: int


@dataclass(frozen=True, slots=True)
class PriceRangeRule:
    """Execution rule PRICE_RANGE: takers do not trade outside reference price x multiplier."""

    bid_up: Decimal
    bid_down: Decimal
    ask_up: Decimal
    ask_down: Decimal


@dataclass(frozen=True)
class MarketRules:
    """Everything exchangeInfo says of one symbol. Build it with ``create``."""

    symbol: str
    base: str
    quote: str
    status: str
    filters: tuple[Filter, ...]
    precision: int = 8
    order_types: tuple[OrderType, ...] = ALL_ORDER_TYPES
    iceberg_allowed: bool = True
    oco_allowed: bool = True
    oto_allowed: bool = True
    opo_allowed: bool = True
    quote_market_allowed: bool = True
    trailing_allowed: bool = True
    cancel_replace_allowed: bool = True
    amend_allowed: bool = True
    peg_allowed: bool = True
    default_stp: StpMode = StpMode.EXPIRE_MAKER
    allowed_stp: tuple[StpMode, ...] = tuple(StpMode)
    price_range_rule: PriceRangeRule | None = None
    # Parsed filters
    price: Range = Range()
    lot: Range = Range()
    market_lot: Range = Range()
    percent: tuple[PercentPrice, ...] = ()
    notionals: tuple[Notional, ...] = ()
    trailing: TrailingDelta | None = None
    iceberg_parts: int | None = None
    max_orders: int | None = None
    max_algo_orders: int | None = None
    max_iceberg_orders: int | None = None
    max_position: Decimal | None = None
    max_amends: int | None = None
    max_lists: int | None = None

    @classmethod
    def create(
        cls, symbol: str, base: str, quote: str, filters: Iterable[Filter], *, status: str = "TRADING", **facts: Any
    ) -> MarketRules:
        """Rules from Binance filter objects; ``facts`` are further fields of this class.

        Raises:
            ValueError: a filter or status that Binance does not have, or a field that is missing.
        """
        if status not in STATUSES:
            raise ValueError(f"{symbol}: {status!r} is not a symbol status")
        kept = tuple(dict(entry) for entry in filters)
        return cls(symbol, base, quote, status, kept, **facts, **_parse(symbol, kept))

    @cached_property
    def unit(self) -> Decimal:
        """The smallest amount that has no more decimals than the symbol allows."""
        return Decimal(1).scaleb(-self.precision)

    @classmethod
    def of_exchange_info(cls, entry: Mapping[str, Any]) -> MarketRules:
        """The rules in a symbol's object of exchangeInfo; what it leaves out is allowed.

        Raises:
            ValueError: a filter or status that Binance does not have, or a field that is missing.
        """
        try:
            facts: dict[str, Any] = {field: entry[name] for field, name in _PERMISSIONS.items() if name in entry}
            if "orderTypes" in entry:
                facts["order_types"] = tuple(OrderType(kind) for kind in entry["orderTypes"])
            if "allowedSelfTradePreventionModes" in entry:
                facts["allowed_stp"] = tuple(StpMode(mode) for mode in entry["allowedSelfTradePreventionModes"])
            if "defaultSelfTradePreventionMode" in entry:
                facts["default_stp"] = StpMode(entry["defaultSelfTradePreventionMode"])
            names = (entry["symbol"], entry["baseAsset"], entry["quoteAsset"], entry["filters"])
            return cls.create(*names, status=entry["status"], **facts)
        except KeyError as error:
            raise ValueError(f"a symbol of exchangeInfo without {error}") from error

    def with_status(self, status: str) -> MarketRules:
        if status not in STATUSES:
            raise ValueError(f"{self.symbol}: {status!r} is not a symbol status")
        return replace(self, status=status)

    def with_filters(self, filters: Iterable[Filter]) -> MarketRules:
        """The same symbol with the given filters replacing those of the same type; others stay."""
        merged = {str(entry["filterType"]): dict(entry) for entry in self.filters}
        for entry in filters:
            merged[str(entry["filterType"])] = dict(entry)
        kept = tuple(merged.values())
        return replace(self, filters=kept, **{**_UNPARSED, **_parse(self.symbol, kept)})

    def exchange_info(self, *, permission_sets: bool = True) -> dict[str, Any]:
        """The symbol's object in exchangeInfo, fields in Binance's order."""
        return {
            "symbol": self.symbol,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": self.precision,
            "quoteAsset": self.quote,
            "quotePrecision": self.precision,
            "quoteAssetPrecision": self.precision,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": [kind.value for kind in self.order_types],
            "icebergAllowed": self.iceberg_allowed,
            "ocoAllowed": self.oco_allowed,
            "otoAllowed": self.oto_allowed,
            "opoAllowed": self.opo_allowed,
            "quoteOrderQtyMarketAllowed": self.quote_market_allowed,
            "allowTrailingStop": self.trailing_allowed,
            "cancelReplaceAllowed": self.cancel_replace_allowed,
            "amendAllowed": self.amend_allowed,
            "pegInstructionsAllowed": self.peg_allowed,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [dict(entry) for entry in self.filters],
            "permissions": [],
            "permissionSets": [["SPOT"]] if permission_sets else [],
            "defaultSelfTradePreventionMode": self.default_stp.value,
            "allowedSelfTradePreventionModes": [mode.value for mode in self.allowed_stp],
        }


_UNPARSED: dict[str, Any] = {
    "price": Range(),
    "lot": Range(),
    "market_lot": Range(),
    "percent": (),
    "notionals": (),
    "trailing": None,
    "iceberg_parts": None,
    "max_orders": None,
    "max_algo_orders": None,
    "max_iceberg_orders": None,
    "max_position": None,
    "max_amends": None,
    "max_lists": None,
}

_PERMISSIONS = {
    "iceberg_allowed": "icebergAllowed",
    "oco_allowed": "ocoAllowed",
    "oto_allowed": "otoAllowed",
    "opo_allowed": "opoAllowed",
    "quote_market_allowed": "quoteOrderQtyMarketAllowed",
    "trailing_allowed": "allowTrailingStop",
    "cancel_replace_allowed": "cancelReplaceAllowed",
    "amend_allowed": "amendAllowed",
    "peg_allowed": "pegInstructionsAllowed",
}
_COUNTS = {
    "ICEBERG_PARTS": ("iceberg_parts", "limit"),
    "MAX_NUM_ORDERS": ("max_orders", "maxNumOrders"),
    "MAX_NUM_ALGO_ORDERS": ("max_algo_orders", "maxNumAlgoOrders"),
    "MAX_NUM_ICEBERG_ORDERS": ("max_iceberg_orders", "maxNumIcebergOrders"),
    "MAX_NUM_ORDER_AMENDS": ("max_amends", "maxNumOrderAmends"),
    "MAX_NUM_ORDER_LISTS": ("max_lists", "maxNumOrderLists"),
}
_RANGES = {
    "PRICE_FILTER": ("price", ("minPrice", "maxPrice", "tickSize")),
    "LOT_SIZE": ("lot", ("minQty", "maxQty", "stepSize")),
    "MARKET_LOT_SIZE": ("market_lot", ("minQty", "maxQty", "stepSize")),
}

# The filters that orders are held to; others are only listed.
ENFORCED_FILTERS = frozenset(
    {
        *_RANGES,
        *_COUNTS,
        "MAX_POSITION",
        "TRAILING_DELTA",
        "PERCENT_PRICE",
        "PERCENT_PRICE_BY_SIDE",
        "MIN_NOTIONAL",
        "NOTIONAL",
    }
)


def _parse(symbol: str, filters: Iterable[Filter]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for entry in filters:
        try:
            _parse_one(entry, parsed)
        except (KeyError, ArithmeticError, TypeError) as error:
            raise ValueError(f"{symbol}: bad filter {dict(entry)!r}: {error}") from error
    return parsed


def _parse_one(entry: Filter, parsed: dict[str, Any]) -> None:
    name = str(entry["filterType"])
    if name in _RANGES:
        field, keys = _RANGES[name]
        parsed[field] = Range(*(Decimal(str(entry[key])) for key in keys))
    elif name in _COUNTS:
        field, key = _COUNTS[name]
        parsed[field] = int(entry[key])
    elif name == "MAX_POSITION":
        parsed["max_position"] = Decimal(str(entry["maxPosition"]))
    elif name == "TRAILING_DELTA":
        keys4 = ("minTrailingAboveDelta", "maxTrailingAboveDelta", "minTrailingBelowDelta", "maxTrailingBelowDelta")
        parsed["trailing"] = TrailingDelta(*(int(entry[key]) for key in keys4))
    elif name in {"PERCENT_PRICE", "PERCENT_PRICE_BY_SIDE"}:
        parsed["percent"] = (*parsed.get("percent", ()), _percent(name, entry))
    elif name in {"MIN_NOTIONAL", "NOTIONAL"}:
        parsed["notionals"] = (*parsed.get("notionals", ()), _notional(name, entry))
    elif len(entry) < 2:
        raise KeyError(f"unknown filterType {name}")
    # another one is listed and holds nobody to anything: clients meet filters that came after them


def _percent(name: str, entry: Filter) -> PercentPrice:
    if name == "PERCENT_PRICE":
        up, down = Decimal(str(entry["multiplierUp"])), Decimal(str(entry["multiplierDown"]))
        return PercentPrice(name, up, down, up, down, int(entry["avgPriceMins"]))
    keys = ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown")
    bid_up, bid_down, ask_up, ask_down = (Decimal(str(entry[key])) for key in keys)
    return PercentPrice(name, bid_up, bid_down, ask_up, ask_down, int(entry["avgPriceMins"]))


def _notional(name: str, entry: Filter) -> Notional:
    low = Decimal(str(entry["minNotional"]))
    minutes = int(entry.get("avgPriceMins", 0))
    if name == "MIN_NOTIONAL":
        return Notional(name, low, bool(entry.get("applyToMarket", True)), None, False, minutes)
    high = Decimal(str(entry["maxNotional"])) if "maxNotional" in entry else None
    apply_low, apply_high = bool(entry.get("applyMinToMarket", True)), bool(entry.get("applyMaxToMarket", False))
    return Notional(name, low, apply_low, high, apply_high, minutes)
