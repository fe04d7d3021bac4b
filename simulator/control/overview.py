"""What the admin page shows, as one document: clock, markets, accounts, orders, fills, faults, connections."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Any

from simulator.control.operations import Operations
from simulator.control.ports import ControlledTwin
from simulator.engine.accounts import Account
from simulator.engine.core import Market
from simulator.engine.orders import EngineOrder
from simulator.market import series as column

LEVELS = 8
CLOSES = 60
AVERAGE_MINUTES = 5
FILLS = 12
DAY_MS = 86_400_000


def overview(twin: ControlledTwin, operations: Operations) -> dict[str, Any]:
    """The state of a twin at this moment."""
    reading, driver = twin.clock.reading(), twin.driver
    accounts = twin.exchange.accounts.values()
    return {
        "clock": {
            "mode": reading.mode,
            "speed": reading.speed,
            "market_ms": reading.market_ms,
            "wall_ms": reading.wall_ms,
            "skew_ms": twin.clock.skew_ms,
        },
        "market_kind": twin.market_kind,
        "markets": [
            _market(twin, operations.book(symbol, LEVELS), market) for symbol, market in twin.exchange.markets.items()
        ],
        "accounts": operations.accounts_view(),
        "orders": [_order(account, order) for account in accounts for order in account.open_orders.values()],
        "fills": _fills(twin),
        "faults": twin.faults.view(),
        "streams": {
            "connections": len(twin.hub.connections),
            "names": len(twin.hub.names()),
            "published": twin.hub.published,
            "user_connections": len(twin.users.connections()),
        },
        "ticks_played": driver.ticks_played,
        "mirror": driver.view(),
        "audit_ok": twin.exchange.audit()["ok"],
    }


def _market(twin: ControlledTwin, book: dict[str, Any], market: Market) -> dict[str, Any]:
    """Book, last price, the average that orders at market are measured by, an hour of closes; the change is that of 24
    hours.
    """
    now = twin.horizon()
    candles, last = twin.candles[market.rules.symbol], market.last_price
    average = market.reference(AVERAGE_MINUTES, twin.clock.now_ms())
    window = twin.candles.window(market.rules.symbol, now - DAY_MS, now)
    closes = candles.minutes.rows[-CLOSES:, column.CLOSE].tolist()
    return {
        **book,
        "base": market.rules.base,
        "quote": market.rules.quote,
        "status": market.rules.status,
        "last": None if last is None else _text(last),
        "average": None if average is None else _text(average),
        "change_percent": window.change_percent,
        "quote_volume": window.quote_volume,
        "closes": [close / column.PRICE_SCALE for close in (*closes, candles.open.close)],
    }


def _order(account: Account, order: EngineOrder) -> dict[str, Any]:
    return {
        "account": account.name,
        "symbol": order.symbol,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "side": order.side.value,
        "type": order.type.value,
        "price": _text(order.price),
        "stop_price": None if order.stop_price is None else _text(order.stop_price),
        "quantity": _text(order.quantity),
        "executed": _text(order.executed),
        "status": order.status.value,
        "order_list_id": order.order_list_id,
    }


def _fills(twin: ControlledTwin) -> list[dict[str, Any]]:
    """The newest fills of all accounts, newest first."""
    newest = [
        (account.name, fill)
        for account in twin.exchange.accounts.values()
        for fills in account.fills.values()
        for fill in islice(reversed(fills), FILLS)
    ]
    newest.sort(key=lambda entry: (entry[1].time, entry[1].trade_id), reverse=True)
    return [
        {
            "account": name,
            "symbol": fill.symbol,
            "time": fill.time,
            "side": "BUY" if fill.is_buyer else "SELL",
            "price": _text(fill.price),
            "quantity": _text(fill.quantity),
            "is_maker": fill.is_maker,
            "commission": _text(fill.commission),
            "commission_asset": fill.commission_asset,
        }
        for name, fill in newest[:FILLS]
    ]


def _text(value: Decimal) -> str:
    return format(value, "f")
