"""Cycles for tests, said shortly: which orders there are and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.positions.model import Cycle, CycleState, Fill, Order, Purpose
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from shared.src.exchange.rules import SymbolRules

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE = Decimal(100)
# Steps of 0.01, at least 5 quote units an order, at most 50 base units.
RULES = SymbolRules(
    symbol="BTCUSDC",
    base="BTC",
    quote="USDC",
    tick=Decimal("0.1"),
    step=Decimal("0.01"),
    quantity_min=Decimal("0.01"),
    quantity_max=Decimal(50),
    notional_min=Decimal(5),
)
KINDS = {
    Purpose.ENTRY: OrderType.MARKET,
    Purpose.EXIT: OrderType.MARKET,
    Purpose.EXTERNAL: OrderType.MARKET,
    Purpose.STOP_LOSS: OrderType.STOP_LOSS_LIMIT,
    Purpose.TAKE_PROFIT: OrderType.LIMIT_MAKER,
}


@dataclass(frozen=True)
class Known:
    """An order, and how much of it is booked; ``fee``: base units that it cost."""

    order: Order
    booked: Decimal
    fee: Decimal = ZERO


def known(
    purpose: Purpose,
    quantity: str,
    status: OrderStatus,
    *,
    executed: str | None = None,
    booked: str | None = None,
    fee: str = "0",
    number: int = 1,
    **facts: Any,
) -> Known:
    """An order with the id ``<purpose>-<number>``; executed in full when it is filled, and booked as executed."""
    done = Decimal(executed) if executed is not None else Decimal(quantity if status is OrderStatus.FILLED else "0")
    order = Order(
        client_order_id=f"{purpose.value}-{number}",
        intent_id="intent",
        cycle_id="cycle",
        attempt=number,
        purpose=purpose,
        symbol=RULES.symbol,
        side=Side.BUY if purpose is Purpose.ENTRY else Side.SELL,
        type=KINDS[purpose],
        quantity=Decimal(quantity),
        created_at=NOW,
        status=status,
        executed_quantity=done,
        exchange_order_id=number,
    )
    return Known(replace(order, **facts), done if booked is None else Decimal(booked), Decimal(fee))


def state(*orders: Known, **facts: Any) -> CycleState:
    """The cycle as its rows show it; every order that is booked at all has one fill."""
    cycle = Cycle("cycle", "intent", RULES.symbol, "EMA_Cross", CycleStatus.ACTIVE_BUY, NOW, dust_cost_max=Decimal(5))
    fills = [_fill(trade_id, item) for trade_id, item in enumerate(orders) if item.booked]
    return CycleState(replace(cycle, **facts), tuple(item.order for item in orders), tuple(fills))


def _fill(trade_id: int, item: Known) -> Fill:
    order = item.order
    return Fill(
        symbol=order.symbol,
        trade_id=trade_id,
        client_order_id=order.client_order_id,
        side=order.side,
        price=PRICE,
        quantity=item.booked,
        quote_quantity=item.booked * PRICE,
        fee=item.fee,
        fee_asset=RULES.base,
        fee_quote=item.fee * PRICE,
        is_maker=False,
        at=NOW,
    )
