"""What an account has and what happened to it, as the exchange itself knows it: for whoever judges from its side."""

from __future__ import annotations

from typing import Any

from simulator.engine.accounts import Account
from simulator.engine.numbers import fixed
from simulator.engine.orders import EngineFill, EngineOrder


def account_view(account: Account, *, since_ms: int, now_ms: int) -> dict[str, Any]:
    """Balances, the orders that are open or changed at ``since_ms`` or later, and the trades since then.

    ``now_ms`` is the moment of this view; asked with it the next time, nothing is missed and little is told twice.
    """
    return {
        "time": now_ms,
        "balances": {
            asset: {"free": fixed(held.free), "locked": fixed(held.locked)}
            for asset, held in account.balances.items()
            if held.free or held.locked
        },
        "orders": [
            _order(order) for order in account.orders.values() if order.is_open or order.update_time >= since_ms
        ],
        "trades": [_trade(fill) for fills in account.fills.values() for fill in fills if fill.time >= since_ms],
    }


def _order(order: EngineOrder) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "order_list_id": order.order_list_id,
        "side": order.side.value,
        "type": order.type.value,
        "status": order.status.value,
        "is_open": order.is_open,
        "is_working": order.is_working,
        "price": fixed(order.price),
        "stop_price": None if order.stop_price is None else fixed(order.stop_price),
        "trailing_delta": order.trailing_delta,
        "trailing_extreme": None if order.trailing_extreme is None else fixed(order.trailing_extreme),
        "quantity": fixed(order.quantity),
        "executed": fixed(order.executed),
        "time": order.time,
        "update_time": order.update_time,
        "expiry_reason": order.expiry_reason.value,
    }


def _trade(fill: EngineFill) -> dict[str, Any]:
    return {
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "side": "BUY" if fill.is_buyer else "SELL",
        "price": fixed(fill.price),
        "quantity": fixed(fill.quantity),
        "quote": fixed(fill.quote),
        "commission": fixed(fill.commission),
        "commission_asset": fill.commission_asset,
        "is_maker": fill.is_maker,
        "time": fill.time,
    }
