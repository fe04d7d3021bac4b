"""How an order changes when the exchange reports on it: forward only, whatever the order of the reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.positions.model import Fill, Order, Purpose
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ContractError
from shared.src.domain.orders import TERMINAL, UNRESOLVED, OrderStatus
from shared.src.exchange.models import ExchangeFill, ExchangeOrder

_RANK = {OrderStatus.NEW: 1, OrderStatus.PARTIALLY_FILLED: 2}


def merged(order: Order, report: ExchangeOrder) -> Order:
    """``order`` after ``report``. Executed amounts only grow and an end is final.

    Its quantity is what the exchange says: an order that waited for another one sells what that one received.
    A rejection without a code was our own conclusion (it never arrived); the exchange may still prove it wrong.
    """
    executed = max(order.executed_quantity, report.executed_quantity)
    order = replace(order, quantity=report.quantity or order.quantity)
    return replace(
        order,
        status=_later(order, report, executed),
        executed_quantity=executed,
        executed_quote=max(order.executed_quote, report.executed_quote),
        exchange_order_id=report.order_id,
        order_list_id=report.order_list_id if report.order_list_id is not None else order.order_list_id,
    )


def _later(order: Order, report: ExchangeOrder, executed: Decimal) -> OrderStatus:
    if executed >= order.quantity:
        return OrderStatus.FILLED
    if order.status in TERMINAL and not is_disproved(order):
        return order.status
    if order.is_pending and report.status is OrderStatus.CANCELED:
        return OrderStatus.EXPIRED  # whoever canceled it: it never stood, so nobody took a protection off
    if report.status in TERMINAL or order.status in UNRESOLVED or is_disproved(order):
        return report.status
    return max(order.status, report.status, key=lambda status: _RANK.get(status, 0))


def is_disproved(order: Order) -> bool:
    """Rejected by our own conclusion only."""
    return order.status is OrderStatus.REJECTED and order.reject_code is None


def fill_of(fill: ExchangeFill, order: Order, fee_quote: Decimal) -> Fill:
    return Fill(
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        client_order_id=order.client_order_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        quote_quantity=fill.quote_quantity,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        fee_quote=fee_quote,
        is_maker=fill.is_maker,
        at=from_ms(fill.time_ms),
    )


def is_sized(report: ExchangeOrder) -> bool:
    """Whether its quantity is known: an order that waits for what another one will buy has none, and stands nowhere."""
    return max(report.quantity, report.executed_quantity) > 0


def adopted(report: ExchangeOrder, now: datetime) -> Order:
    """An order that somebody else placed on the account, labelled so; from ``now`` on where its age is not told.

    Raises:
        ContractError: it has no quantity, as an order that waits for what another one will buy.
    """
    quantity = report.quantity or report.executed_quantity
    if not is_sized(report):
        raise ContractError(f"order {report.order_id} in {report.symbol} has no quantity yet")
    return Order(
        client_order_id=external_id(report),
        intent_id="external",
        cycle_id=None,
        attempt=1,
        purpose=Purpose.EXTERNAL,
        symbol=report.symbol,
        side=report.side,
        type=report.type,
        quantity=quantity,
        created_at=from_ms(report.time_ms) if report.time_ms else now,
        status=report.status,
        time_in_force=report.time_in_force or None,
        price=report.price,
        stop_price=report.stop_price,
        executed_quantity=report.executed_quantity,
        executed_quote=report.executed_quote,
        order_list_id=report.order_list_id,
        exchange_order_id=report.order_id,
        reason="placed outside of this platform",
    )


def external_id(report: ExchangeOrder) -> str:
    """Others may reuse a client order id, so the exchange's own id makes it unique."""
    return f"ext-{report.symbol}-{report.order_id}"
