"""Filters of a symbol as exchangeInfo lists them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def default_filters(
    *, tick: str = "0.01", step: str = "0.00001", min_notional: str = "5", max_price: str = "1000000"
) -> list[dict[str, Any]]:
    """The filter set of a typical production symbol (BTCUSDT-like values, binance.com exchangeInfo)."""
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _fixed8(tick),
            "maxPrice": _fixed8(max_price),
            "tickSize": _fixed8(tick),
        },
        {"filterType": "LOT_SIZE", "minQty": _fixed8(step), "maxQty": "9000000000.00000000", "stepSize": _fixed8(step)},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": "5000000000.00000000",
            "stepSize": "0.00000000",
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": _fixed8(min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]


def _fixed8(text: str) -> str:
    return format(Decimal(text), ".8f")
